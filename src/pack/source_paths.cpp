#include "pack/source_paths.hpp"

#include <algorithm>

namespace muster::pack {

namespace fs = std::filesystem;

fs::path full_path(const fs::path& path) {
  fs::path plain = fs::absolute(path).lexically_normal();
  return plain.has_filename() ? plain : plain.parent_path();
}

std::string FullPaths::of(const fs::path& file) {
  const std::string& text = file.native();
  const std::size_t slash = text.rfind('/');
  const std::string name = slash == std::string::npos ? text : text.substr(slash + 1);
  if (name.empty() || name == "." || name == "..") {
    return full_path(file).native();
  }
  const std::string folder = slash == std::string::npos ? "." : text.substr(0, slash + 1);
  const auto [known, is_new] = folders_.try_emplace(folder);
  if (is_new) {
    known->second = full_path(folder).native();
  }
  return known->second + (known->second.ends_with('/') ? "" : "/") + name;
}

std::string folder_of_file(const std::string& file) {
  return file.substr(0, std::max<std::size_t>(file.rfind('/'), 1));
}

std::string shared_folder(std::span<const std::string> folders) {
  std::string shared = folders.empty() ? std::string() : folders.front();
  for (const std::string& folder : folders) {
    while (!lies_in(folder, shared)) {
      shared = folder_of_file(shared);
    }
  }
  return shared;
}

bool lies_in(const std::string& path, const std::string& folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || folder.ends_with('/') || path[folder.size()] == '/');
}

std::string path_from(const std::string& file, const std::string& folder) {
  if (lies_in(file, folder) && file.size() > folder.size()) {
    return file.substr(folder.size() + (folder.ends_with('/') ? 0 : 1));
  }
  return fs::path(file).lexically_relative(folder).generic_string();
}

}  // namespace muster::pack
