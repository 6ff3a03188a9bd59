// list_folder(): folders are the work items of several threads; what they find is sorted at the end.
#include "io/source_scan.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "io/scan_problems.hpp"

namespace muster::io {
namespace {

struct DirTraits {
  using type = DIR*;
  static type none() noexcept { return nullptr; }
  static void close(type folder) noexcept { ::closedir(folder); }
};

using FolderId = std::pair<dev_t, ino_t>;

// The folders above one that is searched, innermost first: a link into one of them would never end.
struct Ancestor {
  FolderId id;
  std::shared_ptr<const Ancestor> above;
};

bool holds(const Ancestor* chain, const FolderId& id) {
  while (chain != nullptr && chain->id != id) {
    chain = chain->above.get();
  }
  return chain != nullptr;
}

struct Folder {
  std::filesystem::path path;
  std::string prefix;  // of the keys of its files: "" or "a/b/"
  std::shared_ptr<const Ancestor> above;
};

// What one folder holds.
struct Found {
  std::vector<Folder> folders;
  std::vector<SourceFile> files;
  std::size_t other_files = 0;
};

// What macOS writes beside a file on other file systems: "._a.jpg" is no image. Any other dot file may be one.
bool is_resource_fork(std::string_view name) {
  return name.starts_with("._");
}

enum class EntryKind { kFolder, kFile, kOther };

class FolderSearch {
 public:
  FolderSearch(std::span<const std::string_view> extensions, const std::filesystem::path& except) : extensions_(extensions) {
    struct stat status {};
    if (!except.empty() && ::stat(except.c_str(), &status) == 0) {
      except_ = std::make_shared<Ancestor>(Ancestor{.id = {status.st_dev, status.st_ino}, .above = nullptr});
    }
  }

  Scan all(const std::filesystem::path& root, int threads) {
    waiting_.push_back({.path = root, .prefix = "", .above = except_});
    return run(threads);
  }

  Scan below(const std::filesystem::path& root, std::span<const std::string> folders, int threads) {
    for (const std::string& key : folders) {
      waiting_.push_back({.path = root / key, .prefix = key + "/", .above = ancestors(root, key)});
    }
    return run(threads);
  }

  ListingBegun begin(const std::filesystem::path& root, std::size_t enough, int threads) {
    read_all({{.path = root, .prefix = "", .above = except_}}, threads);
    while (!waiting_.empty() && waiting_.size() < enough) {
      read_all(std::exchange(waiting_, {}), threads);
    }
    std::ranges::sort(waiting_, {}, &Folder::prefix);
    ListingBegun begun{.found = finished(), .waiting = {}};
    for (const Folder& folder : waiting_) {
      begun.waiting.push_back(folder.prefix.substr(0, folder.prefix.size() - 1));
    }
    return begun;
  }

 private:
  Scan run(int threads) {
    {
      std::vector<std::jthread> helpers;
      for (int i = 1; i < threads; ++i) {
        helpers.emplace_back([this] { work(); });
      }
      work();
    }
    return finished();
  }

  Scan finished() {
    if (failure_) {
      std::rethrow_exception(failure_);
    }
    problems_.throw_if_any();
    std::ranges::sort(scan_.files, {}, &SourceFile::key);
    return std::move(scan_);
  }

  // The folders above `key`, from `root` on, by their numbers on this machine.
  std::shared_ptr<const Ancestor> ancestors(const std::filesystem::path& root, const std::string& key) {
    const std::size_t slash = key.rfind('/');
    const std::string parent = slash == std::string::npos ? "" : key.substr(0, slash);
    if (const auto known = ancestors_.find(parent); known != ancestors_.end()) {
      return known->second;
    }
    std::shared_ptr<const Ancestor> chain = parent.empty() ? except_ : ancestors(root, parent);
    struct stat status {};
    if (::stat((root / parent).c_str(), &status) == 0) {
      chain = std::make_shared<const Ancestor>(Ancestor{.id = {status.st_dev, status.st_ino}, .above = chain});
    }
    return ancestors_.emplace(parent, chain).first->second;
  }

  // These and no others; what lies below them waits then.
  void read_all(const std::vector<Folder>& folders, int threads) {
    std::atomic<std::size_t> next{0};
    const auto work_on = [&] {
      for (std::size_t i = next++; i < folders.size(); i = next++) {
        read_and_keep(folders[i]);
      }
    };
    std::vector<std::jthread> helpers;
    for (std::size_t i = 1; i < std::min(folders.size(), static_cast<std::size_t>(std::max(threads, 1))); ++i) {
      helpers.emplace_back(work_on);
    }
    work_on();
  }

  void read_and_keep(const Folder& folder) {
    Found found;
    std::exception_ptr failure;
    try {
      found = read(folder);
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    keep(std::move(found), failure);
  }

  // Takes folders until none waits and nobody is at work on one that may bring more.
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return !waiting_.empty() || busy_ == 0; });
      if (waiting_.empty()) {
        return;
      }
      const Folder folder = std::move(waiting_.back());  // the last found first: fewer wait at a time
      waiting_.pop_back();
      ++busy_;
      lock.unlock();
      read_and_keep(folder);
      lock.lock();
      --busy_;
      changed_.notify_all();
    }
  }

  // With the lock held.
  void keep(Found found, const std::exception_ptr& failure) {
    if (failure) {
      failure_ = failure_ ? failure_ : failure;
      waiting_.clear();
    }
    if (!failure_) {
      std::ranges::move(found.folders, std::back_inserter(waiting_));
      std::ranges::move(found.files, std::back_inserter(scan_.files));
      scan_.other_files += found.other_files;
    }
  }

  Found read(const Folder& folder) {
    Found found;
    UniqueFd fd(::open(folder.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct stat status {};
    if (!fd || ::fstat(fd.get(), &status) != 0) {
      problems_.add(folder.path.string(), errno);
      return found;
    }
    const FolderId id{status.st_dev, status.st_ino};
    if (holds(folder.above.get(), id)) {
      return found;  // a link back to a folder above, or what the caller left out
    }
    const UniqueHandle<DirTraits> handle(::fdopendir(fd.get()));
    if (!handle) {
      problems_.add(folder.path.string(), errno);
      return found;
    }
    (void)fd.release();  // the handle closes it
    const auto chain = std::make_shared<const Ancestor>(Ancestor{.id = id, .above = folder.above});
    while (true) {
      errno = 0;
      const dirent* entry = ::readdir(handle.get());
      if (entry == nullptr) {
        break;
      }
      const std::string_view name = entry->d_name;
      if (name != "." && name != ".." && name != kNotesFolder) {
        add(*entry, folder, ::dirfd(handle.get()), chain, found);
      }
    }
    if (errno != 0) {
      problems_.add(folder.path.string(), errno);
    }
    return found;
  }

  void add(const dirent& entry, const Folder& folder, int fd, const std::shared_ptr<const Ancestor>& chain, Found& found) {
    SourceFile file{.key = folder.prefix + entry.d_name, .path = {}, .bytes = 0, .mtime_ns = kNotLookedUp};
    if (is_resource_fork(entry.d_name)) {
      ++found.other_files;
      return;
    }
    const EntryKind kind = entry.d_type == DT_DIR                                 ? EntryKind::kFolder
                           : entry.d_type == DT_REG                               ? EntryKind::kFile
                           : entry.d_type == DT_LNK || entry.d_type == DT_UNKNOWN ? kind_by_status(entry.d_name, folder, fd, file)
                                                                                  : EntryKind::kOther;
    if (kind == EntryKind::kFolder && entry.d_name[0] == '.') {
      return;  // .git, .ipynb_checkpoints, .Trash: what programs keep for themselves
    }
    if (kind == EntryKind::kFolder) {
      found.folders.push_back({.path = folder.path / entry.d_name, .prefix = file.key + "/", .above = chain});
    } else if (kind == EntryKind::kFile && has_extension(entry.d_name, extensions_)) {
      file.path = folder.path / entry.d_name;
      found.files.push_back(std::move(file));
    } else {
      ++found.other_files;
    }
  }

  // Where the entry does not tell what it is: links, and file systems that keep types elsewhere.
  EntryKind kind_by_status(const char* name, const Folder& folder, int fd, SourceFile& file) {
    struct stat status {};
    if (::fstatat(fd, name, &status, 0) != 0) {
      if (errno != ENOENT && errno != ELOOP && errno != ENOTDIR) {  // these are links to nowhere, or files that are gone
        problems_.add((folder.path / name).string(), errno);
      }
      return EntryKind::kOther;
    }
    file.bytes = static_cast<std::uint64_t>(status.st_size);
    file.mtime_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
    file.ctime_ns = std::int64_t{status.st_ctim.tv_sec} * 1'000'000'000 + status.st_ctim.tv_nsec;
    return S_ISDIR(status.st_mode) ? EntryKind::kFolder : S_ISREG(status.st_mode) ? EntryKind::kFile : EntryKind::kOther;
  }

  std::span<const std::string_view> extensions_;
  std::shared_ptr<const Ancestor> except_;
  std::map<std::string, std::shared_ptr<const Ancestor>> ancestors_;  // of the folders in a folder, by its key
  ScanProblems problems_;
  std::mutex mutex_;  // of all below
  std::condition_variable changed_;
  std::vector<Folder> waiting_;
  int busy_ = 0;
  Scan scan_;
  std::exception_ptr failure_;  // of another kind than `problems_`, such as memory
};

void check_is_folder(const std::filesystem::path& root) {
  std::error_code error;
  if (!std::filesystem::is_directory(root, error)) {
    throw ConfigError("{} is {}; name an existing folder", root.string(), std::filesystem::exists(root, error) ? "no folder" : "not there");
  }
}

}  // namespace

Scan list_folder(const std::filesystem::path& root, std::span<const std::string_view> extensions, const std::filesystem::path& except,
                 int threads) {
  check_is_folder(root);
  return FolderSearch(extensions, except).all(root, threads);
}

ListingBegun begin_listing(const std::filesystem::path& root, std::span<const std::string_view> extensions,
                           const std::filesystem::path& except, std::size_t enough, int threads) {
  check_is_folder(root);
  return FolderSearch(extensions, except).begin(root, enough, threads);
}

Scan list_below(const std::filesystem::path& root, std::span<const std::string> folders, std::span<const std::string_view> extensions,
                const std::filesystem::path& except, int threads) {
  return FolderSearch(extensions, except).below(root, folders, threads);
}

}  // namespace muster::io
