#include "io/partial_file.hpp"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.hpp"

namespace muster::io {

namespace fs = std::filesystem;

PartialFile::PartialFile(fs::path destination, std::string address)
    : destination_(std::move(destination)),
      part_(destination_.string() + ".part"),
      from_(part_.string() + ".from"),
      address_(std::move(address)) {
  lock();
  take_over(address_);
}

PartialFile::~PartialFile() {
  if (!committed_ && size_ == 0) {
    discard();
  }
}

void PartialFile::lock() {
  while (true) {
    fd_ = UniqueFd(::open(part_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (!fd_) {
      throw_output_error("create", part_, errno);
    }
    if (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) {
        throw CommError("another process is fetching {}; wait for it, then start the same command again", destination_.string());
      }
      throw_output_error("lock", part_, errno);
    }
    // Whoever had the lock may have given this very file its final name: then it is not ours to write to.
    struct stat held {};
    struct stat named {};
    if (::fstat(fd_.get(), &held) == 0 && ::stat(part_.c_str(), &named) == 0 && held.st_ino == named.st_ino &&
        held.st_dev == named.st_dev) {
      size_ = static_cast<std::uint64_t>(held.st_size);
      return;
    }
  }
}

void PartialFile::take_over(const std::string& address) {
  if (size_ == 0) {
    return;
  }
  const std::string note = fs::exists(from_) ? read_file(from_) : "";
  if (!note.starts_with(address + "\n")) {
    start_afresh("");
    return;
  }
  etag_ = note.substr(address.size() + 1);
  etag_.erase(etag_.find_last_not_of('\n') + 1);
  kept_ = size_;
}

void PartialFile::start_afresh(const std::string& etag) {
  if (::ftruncate(fd_.get(), 0) != 0) {
    throw_output_error("empty", part_, errno);
  }
  size_ = 0;
  kept_ = 0;
  etag_ = etag.starts_with('"') ? etag : "";
  write_file_atomically(from_, address_ + "\n" + etag_ + "\n");
}

void PartialFile::write_at(std::uint64_t position, const char* bytes, std::size_t count) {
  while (count > 0) {
    const ssize_t written = ::pwrite(fd_.get(), bytes, count, static_cast<off_t>(position));
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      throw_output_error("write", part_, errno);
    }
    bytes += written;
    position += static_cast<std::uint64_t>(written);
    count -= static_cast<std::size_t>(written);
  }
  size_ = position;
}

void PartialFile::commit() {
  if (::fsync(fd_.get()) != 0) {
    throw_output_error("flush", part_, errno);
  }
  if (::rename(part_.c_str(), destination_.c_str()) != 0) {
    throw_output_error("rename", part_, errno);
  }
  committed_ = true;
  ::unlink(from_.c_str());
  fsync_folder(destination_.has_parent_path() ? destination_.parent_path() : fs::path("."));
}

void PartialFile::discard() {
  ::unlink(part_.c_str());
  ::unlink(from_.c_str());
  size_ = 0;
}

}  // namespace muster::io
