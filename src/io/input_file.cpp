#include "io/input_file.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.hpp"

namespace muster::io {
namespace {

constexpr std::uint64_t kMaxCall = 1u << 30;  // bytes; Linux hands out at most 2 GiB - 4 KiB at once

}  // namespace

// O_NONBLOCK: so that a named pipe is refused below instead of waited for.
InputFile::InputFile(std::filesystem::path path) : path_(std::move(path)), fd_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  struct stat status {};
  if (!fd_ || ::fstat(fd_.get(), &status) != 0) {
    throw DataError("cannot open {}: {}", path_.string(), errno_text(errno));
  }
  if (!S_ISREG(status.st_mode)) {
    throw DataError("cannot read {}: it is {}, a file is wanted", path_.string(),
                    S_ISDIR(status.st_mode) ? "a folder" : "a pipe or device");
  }
  bytes_ = static_cast<std::uint64_t>(status.st_size);
}

void InputFile::read(std::uint64_t offset, std::uint64_t count, void* destination) const {
  char* next = static_cast<char*>(destination);
  while (count > 0) {
    const ssize_t got = ::pread(fd_.get(), next, std::min(count, kMaxCall), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      throw DataError("{}: {} bytes are missing at {}: {}; the file is cut short or changes while it is read, copy or download it again",
                      path_.string(), count, offset, got < 0 ? errno_text(errno) : "end of file");
    }
    next += got;
    offset += static_cast<std::uint64_t>(got);
    count -= static_cast<std::uint64_t>(got);
  }
}

}  // namespace muster::io
