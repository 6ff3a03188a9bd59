// Which images are labelled, and where their masks go. Every worker makes this list by itself; all lists must be equal.
//
//   data=photos      photos/a/b.jpg        -> OUT/a/b.png
//   data=photo.jpg                         -> OUT/photo.png
//   data=list.txt    one image or folder a line; paths are taken below the folder that all of them share
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace muster::label {

struct ListedImage {
  std::string key;  // path below the root, '/' between parts, UTF-8
  std::filesystem::path path;
  std::string mask;  // below OUT: "a/b.png"
  std::uint64_t bytes = 0;
};

struct ImageList {
  std::filesystem::path root;       // absolute
  std::vector<ListedImage> images;  // ascending by the bytes of the key, not empty
  std::size_t other_files = 0;      // with another extension

  // XXH3-128 of keys and masks. Sizes do not count: a damaged image may be mended between two starts.
  std::string hash() const;
};

// Lines of a .txt are relative to the working folder; empty ones are skipped. `out` is never searched.
// ConfigError: nothing is found, a line names nothing, or `out` is the folder of the images itself.
// DataError: names that are not UTF-8; images that differ in their extension alone, unless `keep_extension`.
ImageList list_images(const std::filesystem::path& data, const std::filesystem::path& out, bool keep_extension);

}  // namespace muster::label
