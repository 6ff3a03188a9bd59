// A file mapped read-only into memory: ranks of a node that map the same file share its pages, and none of them is copied.
//
// A file that is cut short while it is mapped leaves pages without content, and touching one of them is SIGBUS. Two things stand
// against that: check_length() throws in good time, for whoever calls it before a read; and where it was not in time, a FaultGuard writes
// one sentence with the file's name to standard error and ends the process with exit code 3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "core/atomic_file.hpp"
#include "io/mapping.hpp"
#include "io/page_fault.hpp"

namespace muster::io {

// Reading is safe from any thread. A file that is replaced by rename keeps its old content here; one that is written over does not.
class MappedFile {
 public:
  // DataError naming the file when it cannot be opened or mapped. A file of 0 bytes is an empty span.
  explicit MappedFile(std::filesystem::path path);

  std::span<const std::byte> bytes() const noexcept { return mapping_.bytes(); }
  const std::filesystem::path& path() const noexcept { return path_; }
  // All of it will be read soon, from front to back.
  void read_ahead() const noexcept { mapping_.read_ahead(); }
  // DataError naming the file when it is shorter than what was mapped. One system call, about 0.2 us.
  void check_length() const;

 private:
  std::filesystem::path path_;
  UniqueFd fd_;
  Mapping mapping_;
  FaultGuard guard_;  // after the mapping, so that it ends before the addresses may belong to others
};

}  // namespace muster::io
