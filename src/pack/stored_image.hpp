// An image file as a shard stores it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "image/decode.hpp"
#include "image/image.hpp"

namespace muster::pack {

// Sums over pixels of 8 bits, exact, so that their order does not matter.
struct PixelSums {
  std::uint64_t pixels = 0;
  std::array<std::uint64_t, 3> sum{};
  std::array<std::uint64_t, 3> squares{};

  PixelSums& operator+=(const PixelSums& other);
  bool operator==(const PixelSums&) const = default;
};
PixelSums pixel_sums(const image::Image& image);

struct StoredImage {
  std::vector<std::byte> bytes;
  image::Codec codec = image::Codec::kNone;
  int height = 0, width = 0;  // of these bytes, before any orientation
  int channels = 0;
  int bit_depth = 8;
  bool transcoded = false;  // not the source's bytes
  PixelSums sums;
};

struct StoringOptions {
  std::int64_t max_side = 0;  // 0 = any size
  bool strip_metadata = false;
};

// Decodes strictly, then: baseline JPEG, PNG and still WebP byte for byte; progressive JPEG as baseline, and all else as PNG, both
// lossless. Over max_side: scaled by the antialiased bicubic filter, to JPEG of quality 95 where the source is JPEG, else to PNG of 8 bits.
// `info` is what was seen in the pre-flight. DataError naming `where`. Any thread.
StoredImage store_image(std::vector<std::byte> bytes, const image::ImageInfo& info, const StoringOptions& options,
                        const std::string& where);

}  // namespace muster::pack
