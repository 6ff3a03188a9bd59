// Files from HTTP(S) servers, whole or not at all: what came of a cut-off download is kept beside the file and gone on with.
//
//   io::download({.url = "https://host/a.pth", .destination = "cache/a.pth", .sha256 = "08c60483"});
//
// cache/a.pth.part holds what came so far, locked while somebody works on it; cache/a.pth.part.from says where it comes from. The
// rest is asked for by `Range` with `If-Range` (RFC 9110, 13.1.5 and 14.2), so a file that changed on the server is begun afresh.
// Certificates are checked against the system's; https_proxy, http_proxy and no_proxy are obeyed. Library: src/decisions/0006.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "core/error.hpp"

namespace muster::io {

// The server has no such file (404 or 410).
class NotFoundError : public DataError {
 public:
  using DataError::DataError;
};

struct Download {
  std::string url;                     // http or https; what follows '?' is never printed, it may be a key
  std::filesystem::path destination;   // replaced when all has come and been checked; its folder exists
  std::optional<std::uint64_t> bytes;  // that it must have
  std::string sha256;                  // hex digits that its SHA-256 must begin with; empty = not checked
  std::string when_refused;            // follows the message of a 401 or 403: how to get access
  std::function<void(std::uint64_t done, std::optional<std::uint64_t> total)> progress;  // bytes; called at most once a second
};

struct Downloaded {
  std::uint64_t bytes = 0;
  std::uint64_t kept = 0;  // that an earlier download had brought
  std::string sha256;      // 64 hex digits
};

// Goes on by itself after a cut connection, as long as that brings something new. Throws
//   DataError   no network, a status other than 200 and 206, another size or hash than wanted (the bytes are then thrown away)
//   OutputError the disk
//   CommError   a stop was requested (core/stop_flags.hpp), or another process is fetching the same file
// Any thread.
Downloaded download(const Download& request);

// The address without what follows '?' or '#', for messages.
std::string shown_url(const std::string& url);

}  // namespace muster::io
