// Files that are either complete under their name or not there at all.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/unique_handle.hpp"

namespace muster {

struct FdTraits {
  using type = int;
  static type none() noexcept { return -1; }
  static void close(type fd) noexcept;
};
using UniqueFd = UniqueHandle<FdTraits>;

// Writes `path`.tmp.<pid>, and gives it its name when commit() has flushed it to the disk. Without commit() the temporary
// file is removed. All failures throw OutputError with path, errno and free bytes. One thread at a time.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* bytes, std::size_t count);
  void write(std::string_view text) { write(text.data(), text.size()); }
  // At an absolute offset of the file; the position of write() is not moved.
  void write_at(std::size_t offset, const void* bytes, std::size_t count);
  // Lets the disk begin with these bytes while more are made, so that commit() has less to wait for.
  void start_flush(std::size_t offset, std::size_t count) const noexcept;
  // fsync, rename over `path`, fsync of the folder.
  void commit();

  const std::filesystem::path& temporary_path() const noexcept { return temporary_; }

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  UniqueFd fd_;
  bool committed_ = false;
};

// The whole of a small file at once.
void write_file_atomically(const std::filesystem::path& path, std::string_view text);

// All bytes of a file. Throws DataError when it cannot be read.
std::string read_file(const std::filesystem::path& path);

void fsync_folder(const std::filesystem::path& folder);
void fsync_file(const std::filesystem::path& path);

// Makes `link` a relative symlink to `target`, replacing what was there in one rename.
void replace_symlink(const std::filesystem::path& link, const std::filesystem::path& target);

// "disk full: runs/a/x.h5: No space left on device (errno 28), 0 bytes free" as an OutputError.
[[noreturn]] void throw_output_error(std::string_view what, const std::filesystem::path& path, int error_number);

}  // namespace muster
