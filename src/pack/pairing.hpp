// Which mask belongs to which image.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "io/source_scan.hpp"

namespace muster::pack {

struct SourcePair {
  io::SourceFile image;
  io::SourceFile mask;
};

struct Pairing {
  std::vector<SourcePair> pairs;  // ascending by the image's key
  struct Problem {
    io::SourceFile image;
    std::string text;
    bool can_skip = true;  // on_error=skip leaves the sample out; false where the user has to decide
  };
  std::vector<Problem> problems;
  std::size_t masks_without_image = 0;
};

// a/b.jpg takes the mask a/b.jpg.png if that is there, else a/b.png. Two images that would share a/b.png are a problem each,
// unless `keep_extension` is set and each has a mask of the first form.
Pairing pair_files(const std::vector<io::SourceFile>& images, const std::vector<io::SourceFile>& masks, bool keep_extension);

}  // namespace muster::pack
