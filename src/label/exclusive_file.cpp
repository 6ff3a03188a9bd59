#include "label/exclusive_file.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "core/atomic_file.hpp"

namespace muster::label {
namespace {

namespace fs = std::filesystem;

void write_flushed(const fs::path& path, std::string_view bytes) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) {
    throw_output_error("create", path, errno);
  }
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      throw_output_error("write", path, errno);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(fd.get()) != 0) {
    throw_output_error("flush", path, errno);
  }
}

// Removes the temporary name when an error leaves it behind.
struct TemporaryName {
  const fs::path& path;
  ~TemporaryName() { ::unlink(path.c_str()); }
};

}  // namespace

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw_output_error("make the folder", folder, error.value());
  }
}

bool create_exclusively(const fs::path& path, const fs::path& temporary, std::string_view bytes) {
  make_folder(path.parent_path());
  const TemporaryName removed{temporary};
  write_flushed(temporary, bytes);
  if (::link(temporary.c_str(), path.c_str()) == 0) {
    return true;
  }
  const int error = errno;
  // ENOENT: this worker was so slow that others finished, and cleared its temporary file away.
  if (error == EEXIST || (error == ENOENT && fs::exists(path))) {
    return false;
  }
  throw_output_error("link into place", path, error);
}

void replace_file(const fs::path& path, const fs::path& temporary, std::string_view bytes) {
  make_folder(path.parent_path());
  const TemporaryName removed{temporary};
  write_flushed(temporary, bytes);
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    throw_output_error("rename into place", path, errno);
  }
}

}  // namespace muster::label
