#include "data/mask_codec.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include "core/error.hpp"
#include "data/sample.hpp"

namespace muster::data {
namespace {

image::LabelMap checkered(std::uint16_t odd) {
  image::LabelMap labels(5, 7);
  for (std::size_t i = 0; i < labels.values.size(); ++i) {
    labels.values[i] = i % 2 == 0 ? static_cast<std::uint16_t>(i) : odd;
  }
  return labels;
}

TEST(MaskCodec, ReadsBackWhatItWrote) {
  const image::LabelMap labels = checkered(kVoidLabel);
  EXPECT_EQ(decode_mask(encode_mask(labels, 1), image::Codec::kZlibRaw, 1, 5, 7, "m"), labels);
  const image::LabelMap wide = checkered(40000);
  EXPECT_EQ(decode_mask(encode_mask(wide, 2), image::Codec::kZlibRaw, 2, 5, 7, "m"), wide);
}

// zlib is not libdeflate: what others see of our masks.
TEST(MaskCodec, WritesAZlibStreamOfRowsWith255AsVoid) {
  const image::LabelMap labels = checkered(kVoidLabel);
  const std::vector<std::byte> bytes = encode_mask(labels, 1);
  std::vector<unsigned char> raw(35);
  uLongf length = raw.size();
  ASSERT_EQ(uncompress(raw.data(), &length, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()), Z_OK);
  ASSERT_EQ(length, 35U);
  for (std::size_t i = 0; i < raw.size(); ++i) {
    EXPECT_EQ(raw[i], i % 2 == 0 ? i : 255U);
  }
}

TEST(MaskCodec, RefusesALabelThatTheWidthCannotHold) {
  EXPECT_THROW((void)encode_mask(checkered(255), 1), InvariantError);  // 255 is void in 8 bits
  EXPECT_NO_THROW((void)encode_mask(checkered(254), 1));
}

TEST(MaskCodec, NamesTheSampleOfDamagedBytesAndOfAnotherSize) {
  std::vector<std::byte> bytes = encode_mask(checkered(3), 1);
  EXPECT_THROW((void)decode_mask(bytes, image::Codec::kZlibRaw, 1, 5, 8, "m"), DataError);
  EXPECT_THROW((void)decode_mask(bytes, image::Codec::kZlibRaw, 1, 5, 6, "m"), DataError);
  EXPECT_THROW((void)decode_mask(bytes, image::Codec::kPng, 1, 5, 7, "m"), DataError);
  bytes[bytes.size() - 1] ^= std::byte{1};  // the checksum of the stream
  try {
    (void)decode_mask(bytes, image::Codec::kZlibRaw, 1, 5, 7, "train-00000.h5: sample 3 (a.png)");
    FAIL() << "damaged bytes were taken";
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("sample 3 (a.png)"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace muster::data
