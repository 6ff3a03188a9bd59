// Looks at every source file's header before anything is written: what can be known to be wrong is told at once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "image/decode.hpp"
#include "pack/pack_options.hpp"
#include "pack/pairing.hpp"
#include "pack/problems.hpp"

namespace muster::pack {

// A pair whose headers fit together.
struct PlannedSample {
  SourcePair source;
  image::ImageInfo info;         // of the image as stored
  std::uint8_t orientation = 1;  // EXIF value that readers apply to the image
  int height = 0, width = 0;     // upright = the mask's
};

struct SkippedFile {
  std::string key;
  std::string reason;
};

struct SplitPreflight {
  std::string split;
  SplitSources sources;
  std::string orientation;             // auto, apply or ignore: what holds for these masks
  std::vector<PlannedSample> samples;  // ascending by key
  std::vector<SkippedFile> skipped;    // under on_error=skip
  std::size_t images = 0;              // found, whatever became of them
  std::size_t other_files = 0;
  std::size_t masks_without_image = 0;
};

// Problems of all kinds go to `problems`, prefixed by nothing: they name their files.
SplitPreflight inspect_split(const std::string& split, const SplitSources& sources, const PackOptions& options, Problems& problems);

// Which EXIF value readers apply, or why that cannot be told, by CONTRACTS 15. `policy` is auto, apply or ignore.
struct OrientationChoice {
  std::uint8_t orientation = 1;
  std::string problem;     // "" = none
  bool ambiguous = false;  // the user decides, on_error=skip does not
};
OrientationChoice choose_orientation(const image::ImageInfo& image, const image::ImageInfo& mask, const std::string& policy);

// Throws DataError when more than options.max_skipped of `images` were skipped.
void check_skipped(const SplitPreflight& split, std::size_t skipped, const PackOptions& options);

}  // namespace muster::pack
