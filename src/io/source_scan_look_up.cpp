// look_up(): sizes and times of files by several threads, each asking relative to the folder that it holds open.
#include "io/source_scan.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "io/scan_problems.hpp"

namespace muster::io {
namespace {

constexpr std::size_t kFilesAtOnce = 256;  // that a thread takes; neighbours, so mostly of one folder

// Files come sorted by key, so those of a folder follow each other.
class FolderInHand {
 public:
  explicit FolderInHand(ScanProblems& problems) : problems_(problems) {}

  // -1: gone, or reported.
  int open(const std::string& folder) {
    if (!known_ || folder != folder_) {
      known_ = true;
      folder_ = folder;
      fd_.reset(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      if (!fd_ && errno != ENOENT) {
        problems_.add(folder, errno);
      }
    }
    return fd_.get();
  }

 private:
  ScanProblems& problems_;
  std::string folder_;
  UniqueFd fd_;
  bool known_ = false;
};

void look_up_one(SourceFile& file, FolderInHand& hand, ScanProblems& problems) {
  const std::string& path = file.path.native();
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : path.substr(0, std::max<std::size_t>(slash, 1));
  const int fd = hand.open(folder);
  if (fd < 0) {
    return;
  }
  struct stat status {};
  if (::fstatat(fd, path.c_str() + (slash == std::string::npos ? 0 : slash + 1), &status, 0) != 0) {
    if (errno != ENOENT && errno != ELOOP && errno != ENOTDIR) {
      problems.add(folder.empty() ? "." : folder, errno);
    }
  } else if (S_ISREG(status.st_mode)) {
    file.bytes = static_cast<std::uint64_t>(status.st_size);
    file.mtime_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
    file.ctime_ns = std::int64_t{status.st_ctim.tv_sec} * 1'000'000'000 + status.st_ctim.tv_nsec;
  }
}

}  // namespace

void look_up(std::span<SourceFile> files, int threads) {
  ScanProblems problems;
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    FolderInHand hand(problems);
    for (std::size_t begin = next.fetch_add(kFilesAtOnce); begin < files.size(); begin = next.fetch_add(kFilesAtOnce)) {
      for (SourceFile& file : files.subspan(begin, std::min(kFilesAtOnce, files.size() - begin))) {
        if (file.mtime_ns == kNotLookedUp) {
          look_up_one(file, hand, problems);
        }
      }
    }
  };
  {
    const std::size_t parts = (files.size() + kFilesAtOnce - 1) / kFilesAtOnce;
    std::vector<std::jthread> helpers;
    for (std::size_t i = 1; i < std::min(parts, static_cast<std::size_t>(std::max(threads, 1))); ++i) {
      helpers.emplace_back(work);
    }
    work();
  }
  problems.throw_if_any();
}

}  // namespace muster::io
