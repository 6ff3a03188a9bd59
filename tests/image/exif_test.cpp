#include "image/exif.hpp"

#include <string>

#include "image/fixture.hpp"

namespace muster::image {
namespace {

// A TIFF block with `before` other entries in front of the orientation.
std::string tiff(bool big_endian, int before, int type, unsigned value) {
  std::string out = big_endian ? std::string("MM\0*", 4) : std::string("II*\0", 4);
  const auto put = [&](unsigned number, int width) {
    for (int i = 0; i < width; ++i) {
      out.push_back(static_cast<char>(number >> (8 * (big_endian ? width - 1 - i : i))));
    }
  };
  put(8, 4);
  put(static_cast<unsigned>(before) + 1, 2);
  for (int i = 0; i <= before; ++i) {
    put(i == before ? 0x0112 : 0x0100 + static_cast<unsigned>(i), 2);
    put(static_cast<unsigned>(type), 2);
    put(1, 4);
    const int width = type == 1 ? 1 : type == 3 ? 2 : 4;
    put(i == before ? value : 7, width);
    put(0, 4 - width);
  }
  put(0, 4);
  return out;
}

std::string jpeg_with(const std::string& block) {
  const std::size_t length = block.size() + 8;
  return std::string("\xFF\xD8\xFF\xE0\0\4ab", 8) + "\xFF\xE1" + static_cast<char>(length >> 8) + static_cast<char>(length) +
         std::string("Exif\0\0", 6) + block + "\xFF\xDA";
}

TEST(Exif, ReadsWhatPillowWrote) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    EXPECT_EQ(jpeg_orientation(fixture("exif_" + std::to_string(orientation) + ".jpg")), orientation);
  }
  EXPECT_EQ(png_orientation(fixture("exif_3.png")), 3);
  EXPECT_EQ(png_orientation(fixture("source.png")), 0);  // none
  EXPECT_EQ(jpeg_orientation(fixture("grey.jpg")), 1);
}

TEST(Exif, ReadsBothByteOrdersAndAllNumberTypes) {
  for (const bool big_endian : {false, true}) {
    for (const int type : {1, 3, 4}) {
      for (unsigned value = 1; value <= 8; ++value) {
        EXPECT_EQ(tiff_orientation(bytes_of(tiff(big_endian, 3, type, value))), static_cast<int>(value)) << big_endian << type;
        EXPECT_EQ(jpeg_orientation(bytes_of(jpeg_with(tiff(big_endian, 2, type, value)))), static_cast<int>(value));
      }
    }
  }
}

TEST(Exif, TakesNonsenseForUpright) {
  EXPECT_EQ(tiff_orientation(bytes_of(tiff(true, 0, 3, 0))), 1);
  EXPECT_EQ(tiff_orientation(bytes_of(tiff(true, 0, 3, 9))), 1);
  EXPECT_EQ(tiff_orientation(bytes_of(tiff(true, 0, 2, 6))), 1);  // type 2 is text
  EXPECT_EQ(tiff_orientation({}), 1);
  EXPECT_EQ(jpeg_orientation({}), 1);
  EXPECT_EQ(png_orientation({}), 0);
  EXPECT_EQ(tiff_orientation(bytes_of(std::string("MM\0*\xFF\xFF\xFF\xFF", 8))), 1);
}

TEST(Exif, ReadsXmpWhereExifIsSilent) {
  const auto xmp = [](const std::string& text) { return xmp_orientation(bytes_of(text)); };
  EXPECT_EQ(xmp("<rdf:Description tiff:Orientation=\"3\"/>"), 3);
  EXPECT_EQ(xmp("<rdf:Description tiff:Orientation='8'/>"), 8);
  EXPECT_EQ(xmp("<tiff:Orientation>6</tiff:Orientation>"), 6);
  for (const std::string nothing :
       {"", "<x/>", "tiff:Orientation", "tiff:Orientation=\"9\"", "tiff:Orientation=\"12\"", "tiff:Orientation>"}) {
    EXPECT_EQ(xmp(nothing), 1) << nothing;
  }
  const std::string packet = std::string("http://ns.adobe.com/xap/1.0/\0", 29) + "<tiff:Orientation>5</tiff:Orientation>";
  const std::string segment = "\xFF\xE1" + std::string(1, '\0') + static_cast<char>(packet.size() + 2) + packet;
  const std::string exif = jpeg_with(tiff(true, 1, 3, 2)).substr(2);  // without the start of the image
  const std::string silent = jpeg_with(tiff(true, 1, 2, 2)).substr(2);
  EXPECT_EQ(jpeg_orientation(bytes_of("\xFF\xD8" + segment + exif)), 2);
  EXPECT_EQ(jpeg_orientation(bytes_of("\xFF\xD8" + segment + silent)), 5);
}

TEST(Exif, ReadsTheRawProfileOfImageMagick) {
  const std::string block = std::string("Exif\0\0", 6) + tiff(true, 1, 3, 7);
  std::string hex = "\nexif\n      " + std::to_string(block.size()) + "\n";
  for (std::size_t i = 0; i < block.size(); ++i) {
    const auto byte = static_cast<unsigned char>(block[i]);
    hex += {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
    hex += i % 36 == 35 ? "\n" : "";
  }
  EXPECT_EQ(raw_profile_orientation(hex), 7);
  for (std::size_t size = 0; size < hex.size(); ++size) {
    const int found = raw_profile_orientation(std::string(hex, 0, size));
    EXPECT_TRUE(found == 0 || found == 7) << size;
  }
}

// Exact buffers on the heap, so that the address sanitizer sees one byte too far.
TEST(Exif, NeverReadsOutsideOfCutOrFlippedBytes) {
  const std::vector<std::byte> jpeg = bytes_of(jpeg_with(tiff(false, 4, 3, 6)));
  const std::vector<std::byte> png = fixture("exif_3.png");
  for (std::size_t size = 0; size <= jpeg.size(); ++size) {
    const std::vector<std::byte> part(jpeg.begin(), jpeg.begin() + static_cast<std::ptrdiff_t>(size));
    const int found = jpeg_orientation(part);
    EXPECT_TRUE(found == 1 || found == 6) << size;
    const std::vector<std::byte> rest(part.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(size, 18)), part.end());
    EXPECT_GE(tiff_orientation(rest), 1);
  }
  for (const auto& [whole, read] : {std::pair(jpeg, &jpeg_orientation), std::pair(png, &png_orientation)}) {
    for (std::size_t at = 0; at < std::min<std::size_t>(whole.size(), 200); ++at) {
      for (const int bits : {0x01, 0x80, 0xFF}) {
        std::vector<std::byte> flipped(whole);
        flipped[at] ^= static_cast<std::byte>(bits);
        const int found = read(flipped);
        EXPECT_TRUE(found >= 0 && found <= 8) << at;
      }
    }
  }
}

}  // namespace
}  // namespace muster::image
