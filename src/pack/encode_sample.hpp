// From a source image and its mask to what a shard stores.
#pragma once

#include <array>
#include <cstdint>

#include "core/error.hpp"
#include "data/shard_writer.hpp"
#include "pack/class_file.hpp"
#include "pack/preflight.hpp"

namespace muster::pack {

// Sums over pixels of 8 bits, exact, so that their order does not matter.
struct PixelSums {
  std::uint64_t pixels = 0;
  std::array<std::uint64_t, 3> sum{};
  std::array<std::uint64_t, 3> squares{};

  PixelSums& operator+=(const PixelSums& other);
};
PixelSums pixel_sums(const image::Image& image);

struct EncodedPair {
  data::SampleRecord record;
  PixelSums sums;
};

// A mask holds a value that no class and no ignored id declares: packing stops, whatever on_error says.
class UndeclaredValueError : public Error {
 public:
  explicit UndeclaredValueError(const std::string& text) : Error(ExitCode::kData, text) {}
};

// Decodes both strictly, then: baseline JPEG and PNG are stored byte for byte; progressive JPEG as baseline, PGM and PPM as
// PNG, both lossless; the mask as dense indices, zlib level 9. DataError naming the file for what is damaged.
// UndeclaredValueError with file, values and pixel counts. Any thread.
EncodedPair encode_pair(const PlannedSample& sample, const PixelTable& table, const DeclaredClasses& declared);

}  // namespace muster::pack
