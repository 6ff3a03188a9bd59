#include "report/append_file.hpp"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace muster::report {

AppendFile::AppendFile(std::filesystem::path path)
    : path_(std::move(path)), fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
  if (!fd_) {
    throw_output_error("open", path_, errno);
  }
}

void AppendFile::append(std::string_view record) {
  const off_t start = ::lseek(fd_.get(), 0, SEEK_END);
  std::string_view rest = record;
  while (!rest.empty()) {
    const ssize_t written = ::write(fd_.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      const int error = errno;
      // A device (/dev/full, a pipe) has no length to go back to, and nothing was kept there.
      [[maybe_unused]] const int ignored = start < 0 ? 0 : ::ftruncate(fd_.get(), start);
      throw_output_error("write", path_, error);
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace muster::report
