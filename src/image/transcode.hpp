// Lossless rewriting at pack time.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace muster::image {

// A progressive JPEG as baseline: the same coefficients, so the same pixels, and all its APPn and COM segments.
// Decodes 2.7 times faster (spec/data_pipeline.md B.1). Throws DataError naming `where`.
std::vector<std::byte> to_baseline(std::span<const std::byte> jpeg, std::string_view where);

// What probe() gives codec kNone (PNM, BMP, TIFF, JPEG 2000, DICOM, animated WebP: first page or frame) as PNG that decodes to the same
// pixels and loses nothing: grey of 1, 2, 4, 8 or 16 bits, colour of 8 or 16, palettes and alpha are kept. Values whose largest is none of
// these (12 bits, a PGM up to 100) are scaled up to the next depth, CMYK becomes RGB, DICOM is stored through its window.
// Throws DataError naming `where`, also for what is stored as it is (JPEG, PNG, still WebP).
std::vector<std::byte> to_png(std::span<const std::byte> bytes, std::string_view where);

}  // namespace muster::image
