#include "image/encode.hpp"

#include <cmath>

#include "core/error.hpp"
#include "image/fixture.hpp"

namespace muster::image {
namespace {

TEST(EncodePng, KeepsEveryPixelAndGivesTheSameBytesAgain) {
  const Image image = rgb_fixture("source.png");
  const std::vector<std::byte> png = encode_png(image);
  EXPECT_EQ(decode_rgb(png, "again"), image);
  EXPECT_EQ(encode_png(image), png);
}

TEST(EncodePng, KeepsLabelsOfEveryDepth) {
  for (const int bits : {1, 2, 4, 8, 16}) {
    LabelMap labels(5, 7);
    for (std::size_t i = 0; i < labels.values.size(); ++i) {
      labels.values[i] = static_cast<std::uint16_t>((i * 7919U) & ((1U << bits) - 1));
    }
    const std::vector<std::byte> png = encode_png_labels(labels, bits);
    EXPECT_EQ(decode_labels(png, "labels"), labels) << bits;
    EXPECT_EQ(probe(png, "labels").bit_depth, bits);
  }
}

TEST(EncodePng, RefusesALabelThatDoesNotFit) {
  EXPECT_THROW((void)encode_png_labels(LabelMap(2, 2, 300), 8), InvariantError);
}

// A picture without colour, so that chroma at half resolution costs nothing.
TEST(EncodeJpeg, StaysNearTheImageAndNearerWithQuality) {
  const Image image = rgb_fixture("grey_rgb.png");
  const auto distance = [&](int quality) {
    const Image again = decode_rgb(encode_jpeg(image, quality), "again");
    double sum = 0;
    for (std::size_t i = 0; i < image.pixels.size(); ++i) {
      sum += std::abs(again.pixels[i] - image.pixels[i]);
    }
    return sum / static_cast<double>(image.pixels.size());
  };
  EXPECT_LT(distance(95), distance(60));
  EXPECT_LT(distance(95), 2);
}

}  // namespace
}  // namespace muster::image
