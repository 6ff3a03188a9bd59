// Errors, named by who can act on them, and check() for our own bugs.
//
// A message gives the values, what was wanted, where, and a next step. Only `main` turns an error into an exit code;
// 75 asks the job script to start the same command again (CONTRACTS 11).
#pragma once

#include <cstdint>
#include <source_location>
#include <stdexcept>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace muster {

enum class ExitCode : int {
  kDone = 0,
  kConfig = 2,      // the user edits the recipe
  kData = 3,        // a dataset or an output folder needs attention
  kCheckpoint = 4,  // no complete checkpoint, or the last save failed
  kBug = 70,
  kComeBack = 75,  // stopped on request, or a device or a peer was lost: start the same command again
};

class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& text) : std::runtime_error(text), code_(code) {}
  ExitCode code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

// One class per row of the table in src/README.md: `throw DataError("{}: {} labels for {} images; ...", path, a, b)`.
template <ExitCode kCode, int kTag = 0>
class KindOfError : public Error {
 public:
  template <class... Args>
  explicit KindOfError(fmt::format_string<Args...> text, Args&&... args) : Error(kCode, fmt::format(text, std::forward<Args>(args)...)) {}
};

using ConfigError = KindOfError<ExitCode::kConfig>;
using DataError = KindOfError<ExitCode::kData>;
using OutputError = KindOfError<ExitCode::kData, 1>;
using CheckpointError = KindOfError<ExitCode::kCheckpoint>;
using CommError = KindOfError<ExitCode::kComeBack>;
using DeviceError = KindOfError<ExitCode::kComeBack, 1>;
using InvariantError = KindOfError<ExitCode::kBug>;

// A format string that remembers where it was written, so that check() can name the place.
template <class... Args>
struct CheckText {
  fmt::format_string<Args...> text;
  std::source_location where;

  template <class S>
  consteval CheckText(const S& format, std::source_location place = std::source_location::current()) : text(format), where(place) {}
};

[[noreturn]] void fail_check(const std::string& text, const std::source_location& where);

// Always on. A false condition is a bug of ours, never of the user: throws InvariantError with file, line and the text.
template <class... Args>
void check(bool condition, CheckText<std::type_identity_t<Args>...> text, Args&&... args) {
  if (!condition) [[unlikely]] {
    fail_check(fmt::format(text.text, std::forward<Args>(args)...), text.where);
  }
}

// "No space left on device (errno 28)"
std::string errno_text(int error_number);

}  // namespace muster
