// A file open for reads at any place: what the readers of weight files share.
#pragma once

#include <cstdint>
#include <filesystem>

#include "core/atomic_file.hpp"

namespace muster::io {

// Reads are by pread, safe from any thread. The size is taken once, when the file is opened.
class InputFile {
 public:
  // DataError when it cannot be opened, or is a folder.
  explicit InputFile(std::filesystem::path path);

  const std::filesystem::path& path() const noexcept { return path_; }
  std::uint64_t bytes() const noexcept { return bytes_; }

  // Copies bytes [offset, offset + count) to `destination`, in as few calls as the system allows. DataError when they are not
  // there (any more) or the disk fails.
  void read(std::uint64_t offset, std::uint64_t count, void* destination) const;

 private:
  std::filesystem::path path_;
  UniqueFd fd_;
  std::uint64_t bytes_ = 0;
};

}  // namespace muster::io
