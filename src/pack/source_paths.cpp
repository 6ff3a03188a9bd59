#include "pack/source_paths.hpp"

#include <algorithm>

namespace muster::pack {

namespace fs = std::filesystem;

fs::path full_path(const fs::path& path) {
  fs::path plain = fs::absolute(path).lexically_normal();
  return plain.has_filename() ? plain : plain.parent_path();
}

fs::path shared_folder(std::span<const fs::path> folders) {
  fs::path shared = folders.empty() ? fs::path() : folders.front();
  for (const fs::path& folder : folders) {
    if (lies_in(folder, shared)) {
      continue;
    }
    const auto [end, other] = std::mismatch(shared.begin(), shared.end(), folder.begin(), folder.end());
    fs::path common;
    for (auto part = shared.begin(); part != end; ++part) {
      common /= *part;
    }
    shared = common;
  }
  return shared;
}

bool lies_in(const fs::path& path, const fs::path& folder) {
  const std::string& inner = path.native();
  const std::string& outer = folder.native();
  return inner.starts_with(outer) && (inner.size() == outer.size() || outer.ends_with('/') || inner[outer.size()] == '/');
}

io::SourceFile named_file(const fs::path& path, const fs::path& root) {
  return {.key = full_path(path).lexically_relative(root).generic_string(), .path = path, .bytes = 0, .mtime_ns = io::kNotLookedUp};
}

}  // namespace muster::pack
