#include "io/mapped_file.hpp"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.hpp"

namespace muster::io {

namespace {

std::string shrunk(const std::filesystem::path& path, std::size_t bytes) {
  return fmt::format("{} is shorter than the {} bytes that it had when it was opened; put the file back as it was, and start again",
                     path.string(), bytes);
}

}  // namespace

MappedFile::MappedFile(std::filesystem::path path) : path_(std::move(path)), fd_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
  struct stat status {};
  if (!fd_ || ::fstat(fd_.get(), &status) != 0) {
    throw DataError("cannot open {}: {}", path_.string(), errno_text(errno));
  }
  if (!S_ISREG(status.st_mode)) {
    throw DataError("cannot map {}: it is no file", path_.string());
  }
  if (status.st_size == 0) {
    return;
  }
  const auto bytes = static_cast<std::size_t>(status.st_size);
  mapping_ = Mapping(fd_.get(), bytes);
  if (mapping_.bytes().empty()) {
    throw DataError("cannot map the {} bytes of {}: {}", bytes, path_.string(), errno_text(errno));
  }
  guard_ = FaultGuard(mapping_.bytes(), "muster: " + shrunk(path_, bytes));
}

void MappedFile::check_length() const {
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0) {
    throw DataError("cannot ask for the length of {}: {}", path_.string(), errno_text(errno));
  }
  if (static_cast<std::uint64_t>(status.st_size) < bytes().size()) {
    throw DataError("{}", shrunk(path_, bytes().size()));
  }
}

}  // namespace muster::io
