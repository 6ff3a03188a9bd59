// A file that grows by whole records: a record is in it completely or not at all, also when the disk is full.
#pragma once

#include <filesystem>
#include <string_view>

#include "core/atomic_file.hpp"

namespace muster::report {

// Opened for appending, made when missing. Each append is one write to the system, so another process sees it at once, and
// a killed one loses nothing. One thread at a time. Failures throw OutputError.
class AppendFile {
 public:
  explicit AppendFile(std::filesystem::path path);

  void append(std::string_view record);
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
  UniqueFd fd_;
};

}  // namespace muster::report
