#include "pack/stored_image.hpp"

#include "core/error.hpp"
#include "image/encode.hpp"
#include "image/resize.hpp"
#include "image/transcode.hpp"
#include "pack/shrink.hpp"
#include "pack/strip_metadata.hpp"

namespace muster::pack {
namespace {

constexpr int kJpegQuality = 95;

StoredImage scaled_down(const image::Image& image, const Extent& to, bool as_jpeg, const std::string& where) {
  const image::Image small = image::resize(image, {.height = to.height, .width = to.width, .filter = image::Filter::kBicubic});
  StoredImage stored{.bytes = as_jpeg ? image::encode_jpeg(small, kJpegQuality) : image::encode_png(small),
                     .codec = as_jpeg ? image::Codec::kJpeg : image::Codec::kPng,
                     .height = to.height,
                     .width = to.width,
                     .channels = 3,
                     .bit_depth = 8,
                     .transcoded = true,
                     .sums = {}};
  stored.sums = pixel_sums(as_jpeg ? image::decode_rgb(stored.bytes, where) : small);
  return stored;
}

// The same pixels in a form that training reads fast.
void make_lossless(StoredImage& stored, const image::ImageInfo& info, const std::string& where) {
  if (info.codec == image::Codec::kJpeg && info.progressive) {
    stored.bytes = image::to_baseline(stored.bytes, where);
    stored.transcoded = true;
  } else if (info.codec == image::Codec::kNone) {
    stored.bytes = image::to_png(stored.bytes, where);
    stored.codec = image::Codec::kPng;
    stored.transcoded = true;
    const image::ImageInfo png = image::probe(stored.bytes, where);
    stored.channels = png.channels;
    stored.bit_depth = png.bit_depth;
  }
}

}  // namespace

PixelSums& PixelSums::operator+=(const PixelSums& other) {
  pixels += other.pixels;
  for (std::size_t c = 0; c < sum.size(); ++c) {
    sum[c] += other.sum[c];
    squares[c] += other.squares[c];
  }
  return *this;
}

PixelSums pixel_sums(const image::Image& image) {
  PixelSums sums;
  sums.pixels = static_cast<std::uint64_t>(image.height) * static_cast<std::uint64_t>(image.width);
  for (std::size_t i = 0; i < sums.pixels; ++i) {
    for (std::size_t c = 0; c < 3; ++c) {
      const std::uint64_t value = image.pixels[3 * i + c];
      sums.sum[c] += value;
      sums.squares[c] += value * value;
    }
  }
  return sums;
}

StoredImage store_image(std::vector<std::byte> bytes, const image::ImageInfo& info, const StoringOptions& options,
                        const std::string& where) {
  const image::Image image = image::decode_rgb(bytes, where);
  if (image.height != info.height || image.width != info.width) {
    throw DataError("{}: {} x {} now, {} x {} when packing began; let nothing write there and pack again", where, image.width, image.height,
                    info.width, info.height);
  }
  const Extent size{image.height, image.width};
  if (const Extent small = shrunk(size, options.max_side); small != size) {
    return scaled_down(image, small, info.codec == image::Codec::kJpeg, where);
  }
  StoredImage stored{.bytes = std::move(bytes),
                     .codec = info.codec,
                     .height = info.height,
                     .width = info.width,
                     .channels = info.channels,
                     .bit_depth = info.bit_depth,
                     .transcoded = false,
                     .sums = pixel_sums(image)};
  make_lossless(stored, info, where);
  if (options.strip_metadata) {
    std::vector<std::byte> stripped = strip_metadata(stored.bytes, stored.codec, where);
    stored.transcoded = stored.transcoded || stripped != stored.bytes;
    stored.bytes = std::move(stripped);
  }
  return stored;
}

}  // namespace muster::pack
