// What can be known of one sample before packing: its headers, whether its mask fits it, and, if wanted, what its target holds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "image/decode.hpp"
#include "pack/split_source.hpp"
#include "pack/wire.hpp"

namespace muster::pack {

// A sample whose headers fit together.
struct PlannedSample {
  SourceSample source;
  image::ImageInfo info;         // of the image as stored
  std::uint8_t orientation = 1;  // EXIF value that readers apply to the image
  int height = 0, width = 0;     // upright = the mask's
};

struct Inspected {
  image::ImageInfo info;
  std::uint8_t orientation = 1;
  int height = 0, width = 0;
  std::uint64_t content_hash = 0;  // XXH3-64 of a small image file, which was read in full anyway; 0 = not known
  std::string problem;             // "" = none
  ProblemKind kind = ProblemKind::kUnreadable;
  bool can_skip = true;
  std::vector<data::ClassPixels> histogram;  // of the target, where it was looked at
  std::vector<UndeclaredValue> undeclared;
  std::string undeclared_text;  // the whole sentence, "" = none
};

void put(WireWriter& wire, const Inspected& item);
Inspected inspected_from(WireReader& wire);

// Reads headers; with `targets` also decodes the target, and the image where its end looks cut off. `orientation` is auto, apply or ignore.
// Never throws for what is wrong with the sample. Any thread.
Inspected inspect_sample(const SourceSample& sample, const SplitSource& source, const std::string& orientation, bool targets);

// XXH3-64 of the whole file. DataError. Any thread.
std::uint64_t content_hash(const io::SourceFile& file);

// Which EXIF value readers apply, or why that cannot be told, by CONTRACTS 15. `policy` is auto, apply or ignore.
struct OrientationChoice {
  std::uint8_t orientation = 1;
  std::string problem;     // "" = none
  bool ambiguous = false;  // the user decides, on_error=skip does not
};
OrientationChoice choose_orientation(const image::ImageInfo& image, const image::ImageInfo& mask, const std::string& policy);

}  // namespace muster::pack
