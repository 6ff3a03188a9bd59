#include "core/atomic_file.hpp"

#include <cerrno>
#include <fstream>
#include <sstream>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <spdlog/spdlog.h>

#include "core/error.hpp"

namespace muster {

namespace fs = std::filesystem;

void FdTraits::close(type fd) noexcept {
  if (::close(fd) != 0) {
    spdlog::error("close({}) failed: {}", fd, errno_text(errno));
  }
}

void throw_output_error(std::string_view what, const fs::path& path, int error_number) {
  std::error_code ignored_when_unknown;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const fs::space_info space = fs::space(folder, ignored_when_unknown);
  const std::string free = ignored_when_unknown ? "unknown" : std::to_string(space.available);
  throw OutputError("cannot {} {}: {}; {} bytes are free there: make room or choose another folder, then run the same command again", what,
                    path.string(), errno_text(error_number), free);
}

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)), temporary_(path_.string() + ".tmp." + std::to_string(::getpid())) {
  fd_ = UniqueFd(::open(temporary_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd_) {
    throw_output_error("create", temporary_, errno);
  }
}

AtomicFile::~AtomicFile() {
  if (!committed_) {
    fd_.reset();
    ::unlink(temporary_.c_str());
  }
}

void AtomicFile::write(const void* bytes, std::size_t count) {
  const char* next = static_cast<const char*>(bytes);
  while (count > 0) {
    const ssize_t written = ::write(fd_.get(), next, count);
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      throw_output_error("write", path_, errno);
    }
    next += written;
    count -= static_cast<std::size_t>(written);
  }
}

void AtomicFile::write_at(std::size_t offset, const void* bytes, std::size_t count) {
  const char* next = static_cast<const char*>(bytes);
  while (count > 0) {
    const ssize_t written = ::pwrite(fd_.get(), next, count, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      throw_output_error("write", path_, errno);
    }
    next += written;
    offset += static_cast<std::size_t>(written);
    count -= static_cast<std::size_t>(written);
  }
}

void AtomicFile::start_flush(std::size_t offset, std::size_t count) const noexcept {
  // Advice: a file system that cannot do it writes at commit(), whose fsync also reports what went wrong.
  static_cast<void>(::sync_file_range(fd_.get(), static_cast<off64_t>(offset), static_cast<off64_t>(count), SYNC_FILE_RANGE_WRITE));
}

void AtomicFile::commit() {
  if (::fsync(fd_.get()) != 0) {
    throw_output_error("flush", path_, errno);
  }
  fd_.reset();
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    throw_output_error("rename into place", path_, errno);
  }
  committed_ = true;
  fsync_folder(path_.has_parent_path() ? path_.parent_path() : fs::path("."));
}

void write_file_atomically(const fs::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

std::string read_file(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    throw DataError("cannot open {}: {}", path.string(), errno_text(errno));
  }
  std::ostringstream text;
  text << stream.rdbuf();
  if (stream.bad() || text.bad()) {
    throw DataError("cannot read {}: {}", path.string(), errno_text(errno));
  }
  return std::move(text).str();
}

namespace {

void fsync_path(const fs::path& path, int flags) {
  const UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) {
    throw_output_error("flush", path, errno);
  }
}

}  // namespace

void fsync_folder(const fs::path& folder) { fsync_path(folder, O_RDONLY | O_DIRECTORY); }
void fsync_file(const fs::path& path) { fsync_path(path, O_RDONLY); }

void replace_symlink(const fs::path& link, const fs::path& target) {
  const fs::path temporary = link.string() + ".tmp." + std::to_string(::getpid());
  ::unlink(temporary.c_str());
  if (::symlink(target.c_str(), temporary.c_str()) != 0) {
    throw_output_error("link", temporary, errno);
  }
  if (::rename(temporary.c_str(), link.c_str()) != 0) {
    throw_output_error("rename into place", link, errno);
  }
}

}  // namespace muster
