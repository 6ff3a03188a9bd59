// A file that comes in parts, over several processes' lives: FILE.part until it is whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/atomic_file.hpp"

namespace muster::io {

// Keeps FILE.part, and in FILE.part.from the address that it comes from and the version (ETag) that the server gave it. What an
// earlier process left is taken over where the address is the same. The lock on FILE.part is held until the object goes, so one
// process works on it at a time. One thread at a time. OutputError from the disk; CommError when another process has it.
class PartialFile {
 public:
  PartialFile(std::filesystem::path destination, std::string address);
  ~PartialFile();  // removes it where nothing has come
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  const std::filesystem::path& path() const noexcept { return part_; }
  std::uint64_t size() const noexcept { return size_; }
  // Bytes of an earlier process that are still in it.
  std::uint64_t kept() const noexcept { return kept_; }
  // A strong one, with its quotes, or empty.
  const std::string& etag() const noexcept { return etag_; }

  // Empties it, for a file of this version. A weak ETag (W/"...") does not promise equal bytes, and is forgotten.
  void start_afresh(const std::string& etag);
  void write_at(std::uint64_t position, const char* bytes, std::size_t count);
  // Flushes and gives it its name.
  void commit();
  // Removes what there is.
  void discard();

 private:
  void lock();
  void take_over(const std::string& address);

  std::filesystem::path destination_;
  std::filesystem::path part_;
  std::filesystem::path from_;
  std::string address_;
  std::string etag_;
  UniqueFd fd_;
  std::uint64_t size_ = 0;
  std::uint64_t kept_ = 0;
  bool committed_ = false;
};

}  // namespace muster::io
