#include "data/shard_blob.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "io/page_fault.hpp"

namespace muster::data {
namespace {

// Whole pages, since the system keeps those of which only a part is given up.
void drop_pages(int fd, std::uint64_t begin, std::uint64_t end) noexcept {
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  begin -= begin % page;
  end += page - 1 - (end + page - 1) % page;
  ::posix_fadvise(fd, static_cast<off_t>(begin), static_cast<off_t>(end - begin), POSIX_FADV_DONTNEED);
}

}  // namespace

ShardBlob::ShardBlob(ShardFds& fds, std::uint32_t shard, std::uint64_t offset, std::uint32_t size)
    : fds_(fds), shard_(shard), offset_(offset), size_(size), open_(fds.get(shard)) {}

std::string ShardBlob::read(std::span<std::byte> bytes, std::uint32_t& crc32) {
  if (open_ == nullptr) {
    try {
      open_ = fds_.get(shard_);
    } catch (const DataError& error) {
      return error.what();
    }
  }
  const std::uint64_t begin = open_->payload_address + offset_;
  if (first_try_ && !open_->mapping.bytes().empty()) {
    if (const auto copied = io::copy_mapped(open_->mapping.bytes().subspan(begin, size_), bytes.data())) {
      crc32 = *copied;
      return {};
    }
  }
  if (read_fully(open_->fd.get(), begin, bytes)) {
    crc32 = crc32_of(bytes);
    return {};
  }
  return errno == 0 ? "the file ends before it" : errno_text(errno);
}

void ShardBlob::forget(bool read_failed) {
  first_try_ = false;
  if (open_ == nullptr) {
    return;
  }
  const std::uint64_t begin = open_->payload_address + offset_;
  if (!open_->mapping.bytes().empty()) {
    open_->mapping.drop_pages(open_->mapping.bytes().subspan(begin, size_));  // or they could not leave the cache
  }
  drop_pages(open_->fd.get(), begin, begin + size_);
  if (read_failed) {
    fds_.drop(shard_, open_);
    open_.reset();
  }
}

}  // namespace muster::data
