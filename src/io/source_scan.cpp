#include "io/source_scan.hpp"

#include <algorithm>

namespace muster::io {

std::string_view without_extension(std::string_view key) {
  const std::size_t slash = key.rfind('/');
  const std::size_t name = slash == std::string_view::npos ? 0 : slash + 1;
  const std::size_t dot = key.rfind('.');
  return dot == std::string_view::npos || dot <= name ? key : key.substr(0, dot);
}

bool has_extension(std::string_view name, std::span<const std::string_view> extensions) {
  std::string extension(name.substr(without_extension(name).size()));
  std::ranges::transform(extension, extension.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  return !extension.empty() && std::ranges::find(extensions, std::string_view(extension).substr(1)) != extensions.end();
}

void drop_missing(Scan& scan) {
  scan.other_files += std::erase_if(scan.files, [](const SourceFile& file) { return file.mtime_ns == kNotLookedUp; });
}

Scan scan_folder(const std::filesystem::path& root, std::span<const std::string_view> extensions, const std::filesystem::path& except,
                 int threads) {
  Scan scan = list_folder(root, extensions, except, threads);
  look_up(scan.files, threads);
  drop_missing(scan);
  return scan;
}

}  // namespace muster::io
