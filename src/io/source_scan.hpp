// Which files lie in a folder of images or masks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace muster::io {

struct SourceFile {
  std::string key;  // path relative to the root, '/' between parts
  std::filesystem::path path;
  std::uint64_t bytes = 0;
  std::int64_t mtime_ns = 0;  // since the epoch of the system
};

struct Scan {
  std::vector<SourceFile> files;  // ascending by the bytes of the key
  std::size_t other_files = 0;    // with another extension
};

// Where Muster keeps what it knows of a labelled folder. It is never searched: overlays are no data.
inline constexpr std::string_view kNotesFolder = "_muster";

inline constexpr std::string_view kImageExtensions[] = {"jpg", "jpeg", "png", "ppm", "bmp", "pgm", "tif", "tiff", "webp"};
inline constexpr std::string_view kMaskExtensions[] = {"png", "pgm"};

// All files below `root` whose extension is one of these, in upper or lower case. Links are followed, except into a folder
// that is being searched already; `except` and folders named kNotesFolder are left out.
// ConfigError when `root` is no folder; DataError for a folder that cannot be read.
Scan scan_folder(const std::filesystem::path& root, std::span<const std::string_view> extensions, const std::filesystem::path& except = {});

// Whether scan_folder takes a file of this name.
bool has_extension(std::string_view name, std::span<const std::string_view> extensions);

// "a/b.jpg" -> "a/b"; a leading dot of the name starts no extension.
std::string_view without_extension(std::string_view key);

}  // namespace muster::io
