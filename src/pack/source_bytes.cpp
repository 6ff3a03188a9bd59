#include "pack/source_bytes.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"

namespace muster::pack {

namespace {

// Of the system's clock. 0 in a SourceFile: nobody asked.
std::int64_t mtime_of(const struct stat& status) {
  return std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

void check_unchanged(const io::SourceFile& file, const struct stat& status) {
  if (static_cast<std::uint64_t>(status.st_size) != file.bytes) {
    throw DataError("{}: {} bytes now, {} when packing began; let nothing write there and pack again", file.path.string(), status.st_size,
                    file.bytes);
  }
  if (file.mtime_ns != 0 && mtime_of(status) != file.mtime_ns) {
    throw DataError("{}: written to since packing began; let nothing write there and pack again", file.path.string());
  }
}

// The folder that the names in a pattern or a list start from: "masks" of "masks/{image_path.stem}.png", "a" of "a/train.csv".
std::string folder_of(const std::string& source) {
  const std::string fixed = source.substr(0, source.find('{'));
  const std::size_t slash = fixed.rfind('/');
  return slash == std::string::npos ? std::string() : fixed.substr(0, slash);
}

void erase_all(std::string& text, const std::string& part, const std::string& with = {}) {
  for (std::size_t at = text.find(part); !part.empty() && at != std::string::npos; at = text.find(part, at + with.size())) {
    text.replace(at, part.size(), with);
  }
}

std::vector<std::byte> read_part(const io::SourceFile& file, std::uint64_t begin, std::uint64_t count) {
  const UniqueFd fd(::open(file.path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) {
    throw DataError("cannot open {}: {}", file.path.string(), errno_text(errno));
  }
  check_unchanged(file, status);
  std::vector<std::byte> bytes(count);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::pread(fd.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(begin + done));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      throw DataError("{}: only {} of {} bytes can be read: {}", file.path.string(), done, bytes.size(),
                      got < 0 ? errno_text(errno) : "end of file");
    }
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

}  // namespace

std::vector<std::byte> read_source(const io::SourceFile& file, std::size_t limit) {
  return read_part(file, 0, std::min<std::uint64_t>(file.bytes, limit));
}

std::vector<std::byte> read_source_end(const io::SourceFile& file, std::size_t count) {
  const std::uint64_t begin = file.bytes - std::min<std::uint64_t>(file.bytes, count);
  return read_part(file, begin, file.bytes - begin);
}

std::string without_root(std::string text, const SplitSources& sources, const io::SourceFile* file) {
  if (file != nullptr) {
    erase_all(text, file->path.string(), file->key);
  }
  for (const std::string& folder : {sources.images, sources.masks}) {
    erase_all(text, folder + (folder.ends_with('/') || folder.empty() ? "" : "/"));
  }
  for (const std::string& name : {sources.images, sources.masks, sources.csv, sources.annotations}) {
    const std::string folder = folder_of(name);
    erase_all(text, folder.empty() ? folder : folder + "/");
  }
  return text;
}

}  // namespace muster::pack
