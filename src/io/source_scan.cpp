#include "io/source_scan.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <set>

#include <dirent.h>
#include <sys/stat.h>

#include "core/error.hpp"
#include "core/unique_handle.hpp"

namespace muster::io {
namespace {

struct FolderTraits {
  using type = DIR*;
  static type none() noexcept { return nullptr; }
  static void close(type folder) noexcept { ::closedir(folder); }
};

using FolderId = std::pair<dev_t, ino_t>;

FolderId id_of(const struct stat& status) {
  return {status.st_dev, status.st_ino};
}

class Scanner {
 public:
  Scanner(std::span<const std::string_view> extensions, const std::filesystem::path& except) : extensions_(extensions) {
    struct stat status {};
    if (!except.empty() && ::stat(except.c_str(), &status) == 0) {
      open_.insert(id_of(status));
    }
  }

  void search(const std::filesystem::path& folder, const std::string& prefix) {
    struct stat status {};
    if (::stat(folder.c_str(), &status) != 0) {
      throw DataError("cannot read the folder {}: {}", folder.string(), errno_text(errno));
    }
    const FolderId id = id_of(status);
    if (!open_.insert(id).second) {
      return;  // a link back to a folder above, or what the caller left out
    }
    const UniqueHandle<FolderTraits> handle(::opendir(folder.c_str()));
    if (!handle) {
      throw DataError("cannot read the folder {}: {}", folder.string(), errno_text(errno));
    }
    while (const dirent* entry = ::readdir(handle.get())) {
      const std::string name = entry->d_name;
      if (name != "." && name != ".." && name != kNotesFolder) {
        visit(folder / name, prefix + name);
      }
    }
    open_.erase(id);
  }

  Scan take() {
    std::sort(scan_.files.begin(), scan_.files.end(), [](const SourceFile& a, const SourceFile& b) { return a.key < b.key; });
    return std::move(scan_);
  }

 private:
  void visit(const std::filesystem::path& path, const std::string& key) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
      ++scan_.other_files;  // a link to nowhere
    } else if (S_ISDIR(status.st_mode)) {
      search(path, key + "/");
    } else if (S_ISREG(status.st_mode) && has_extension(key, extensions_)) {
      scan_.files.push_back({.key = key,
                             .path = path,
                             .bytes = static_cast<std::uint64_t>(status.st_size),
                             .mtime_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec});
    } else {
      ++scan_.other_files;
    }
  }

  std::span<const std::string_view> extensions_;
  std::set<FolderId> open_;  // not to be searched
  Scan scan_;
};

}  // namespace

std::string_view without_extension(std::string_view key) {
  const std::size_t slash = key.rfind('/');
  const std::size_t name = slash == std::string_view::npos ? 0 : slash + 1;
  const std::size_t dot = key.rfind('.');
  return dot == std::string_view::npos || dot <= name ? key : key.substr(0, dot);
}

bool has_extension(std::string_view name, std::span<const std::string_view> extensions) {
  std::string extension(name.substr(without_extension(name).size()));
  std::ranges::transform(extension, extension.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  return !extension.empty() && std::ranges::find(extensions, extension.substr(1)) != extensions.end();
}

Scan scan_folder(const std::filesystem::path& root, std::span<const std::string_view> extensions, const std::filesystem::path& except) {
  std::error_code error;
  if (!std::filesystem::is_directory(root, error)) {
    throw ConfigError("{} is {}; name an existing folder", root.string(), std::filesystem::exists(root, error) ? "no folder" : "not there");
  }
  Scanner scanner(extensions, except);
  scanner.search(root, "");
  return scanner.take();
}

}  // namespace muster::io
