#include "pack/source_bytes.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"

namespace muster::pack {

std::vector<std::byte> read_source(const io::SourceFile& file, std::size_t limit) {
  const UniqueFd fd(::open(file.path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) {
    throw DataError("cannot open {}: {}", file.path.string(), errno_text(errno));
  }
  if (static_cast<std::uint64_t>(status.st_size) != file.bytes) {
    throw DataError("{}: {} bytes now, {} when packing began; let nothing write there and pack again", file.path.string(), status.st_size,
                    file.bytes);
  }
  std::vector<std::byte> bytes(std::min<std::uint64_t>(file.bytes, limit));
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::read(fd.get(), bytes.data() + done, bytes.size() - done);
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

std::string without_root(std::string text, const SplitSources& sources) {
  for (const std::string& folder : {sources.images, sources.masks}) {
    const std::string root = folder + (folder.ends_with('/') ? "" : "/");
    for (std::size_t at = text.find(root); at != std::string::npos; at = text.find(root, at)) {
      text.erase(at, root.size());
    }
  }
  return text;
}

}  // namespace muster::pack
