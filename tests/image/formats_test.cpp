// Every file of fixtures/formats (made by tests/image/make_fixtures.py) against what it must decode to.
#include <algorithm>
#include <filesystem>
#include <set>
#include <string>

#include <gmock/gmock.h>

#include "core/error.hpp"
#include "image/decode.hpp"
#include "image/format.hpp"
#include "image/transcode.hpp"
#include "image/fixture.hpp"

namespace muster::image {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

const std::string kFolder = "formats/";

bool exists(const std::string& name) {
  return fs::exists(std::string(MUSTER_SOURCE_DIR "/tests/image/fixtures/") + kFolder + name);
}

// "strips.tif" -> "strips_tif"
std::string stem_of(std::string name) {
  std::ranges::replace(name, '.', '_');
  return name;
}

// The names with a reference, sorted.
std::set<std::string> names() {
  std::set<std::string> found;
  for (const auto& entry : fs::directory_iterator(std::string(MUSTER_SOURCE_DIR "/tests/image/fixtures/") + kFolder)) {
    const std::string name = entry.path().filename();
    if (exists(stem_of(name) + "_rgb.png")) {
      found.insert(name);
    }
  }
  return found;
}

std::string format_error(const std::string& name, auto&& act) {
  try {
    act(fixture(kFolder + name));
  } catch (const DataError& error) {
    return error.what();
  }
  return {};
}

std::string refusal_of(const std::string& name) {
  return format_error(name, [&](const std::vector<std::byte>& bytes) { (void)decode_rgb(bytes, name); });
}

TEST(Formats, DecodeToTheReferencePixelByPixel) {
  EXPECT_GE(names().size(), 68U);
  for (const std::string& name : names()) {
    SCOPED_TRACE(name);
    Image image;
    EXPECT_NO_THROW(image = decode_rgb(fixture(kFolder + name), name));
    EXPECT_EQ(image, rgb_fixture(kFolder + stem_of(name) + "_rgb.png"));
  }
}

TEST(Formats, GiveLabelsAsTheNumbersInTheFile) {
  int count = 0;
  for (const std::string& name : names()) {
    if (!exists(stem_of(name) + "_labels.png")) {
      continue;
    }
    SCOPED_TRACE(name);
    ++count;
    const std::string reference = kFolder + stem_of(name) + "_labels.png";
    LabelMap labels;
    EXPECT_NO_THROW(labels = decode_labels(fixture(kFolder + name), name));
    EXPECT_EQ(labels, decode_labels(fixture(reference), reference));
  }
  EXPECT_GE(count, 25);
}

TEST(Formats, KeepEveryPixelAndLabelWhenTheyAreRewrittenAsPng) {
  for (const std::string& name : names()) {
    SCOPED_TRACE(name);
    const std::vector<std::byte> bytes = fixture(kFolder + name);
    if (probe(bytes, name).codec != Codec::kNone) {
      EXPECT_THROW((void)to_png(bytes, name), DataError);
      continue;
    }
    std::vector<std::byte> png;
    EXPECT_NO_THROW(png = to_png(bytes, name));
    EXPECT_EQ(decode_rgb(png, "png"), decode_rgb(bytes, name));
    EXPECT_EQ(to_png(bytes, name), png);
    const int depth = probe(bytes, name).bit_depth;
    if (exists(stem_of(name) + "_labels.png") && depth != 12 && !name.starts_with("ten_bits")) {
      EXPECT_EQ(decode_labels(png, "png"), decode_labels(bytes, name));
      EXPECT_EQ(probe(png, "png").bit_depth, depth);
      EXPECT_EQ(probe(png, "png").palette, probe(bytes, name).palette);
    }
  }
}

TEST(Formats, ProbeTheSizeOfWhatIsDecoded) {
  for (const std::string& name : names()) {
    SCOPED_TRACE(name);
    const std::vector<std::byte> bytes = fixture(kFolder + name);
    const ImageInfo info = probe(bytes, name);
    const Image image = decode_rgb(bytes, name);
    EXPECT_EQ(info.height, image.height);
    EXPECT_EQ(info.width, image.width);
  }
}

TEST(Formats, ProbeDepthChannelsAndOrientation) {
  struct Expected {
    std::string name;
    Codec codec;
    int channels, bit_depth, orientation;
    bool alpha, palette, multiple;
  };
  const Expected all[] = {
      {"bits.pbm", Codec::kNone, 1, 1, 1, false, false, false},      {"plain_deep.ppm", Codec::kNone, 3, 16, 1, false, false, false},
      {"palette_4.bmp", Codec::kNone, 1, 4, 1, false, true, false},  {"colour_565.bmp", Codec::kNone, 3, 8, 1, false, false, false},
      {"alpha_32.bmp", Codec::kNone, 4, 8, 1, true, false, false},   {"orientation_6.tif", Codec::kNone, 3, 8, 6, false, false, false},
      {"grey_12.tif", Codec::kNone, 1, 12, 1, false, false, false},  {"planar_tiles_16.tif", Codec::kNone, 3, 16, 1, false, false, false},
      {"palette_8.tif", Codec::kNone, 1, 8, 1, false, true, false},  {"alpha.tif", Codec::kNone, 4, 8, 1, true, false, false},
      {"pages.tif", Codec::kNone, 1, 8, 1, false, false, true},      {"lossy.webp", Codec::kWebp, 3, 8, 6, false, false, false},
      {"xmp.webp", Codec::kWebp, 3, 8, 8, false, false, false},      {"lossless.webp", Codec::kWebp, 4, 8, 1, true, false, false},
      {"animation.webp", Codec::kNone, 3, 8, 1, false, false, true}, {"alpha.jp2", Codec::kNone, 4, 8, 1, true, false, false},
      {"deep.jp2", Codec::kNone, 1, 16, 1, false, false, false},     {"ct.dcm", Codec::kNone, 1, 16, 1, false, false, false},
      {"frames.dcm", Codec::kNone, 1, 8, 1, false, false, true},     {"colour.dcm", Codec::kNone, 3, 8, 1, false, false, false},
  };
  for (const Expected& expected : all) {
    SCOPED_TRACE(expected.name);
    const ImageInfo info = probe(fixture(kFolder + expected.name), expected.name);
    EXPECT_EQ(info.codec, expected.codec);
    EXPECT_EQ(info.channels, expected.channels);
    EXPECT_EQ(info.bit_depth, expected.bit_depth);
    EXPECT_EQ(info.exif_orientation, expected.orientation);
    EXPECT_EQ(info.alpha, expected.alpha);
    EXPECT_EQ(info.palette, expected.palette);
    EXPECT_EQ(info.multiple, expected.multiple);
  }
  EXPECT_TRUE(probe(fixture(kFolder + "cmyk.tif"), "cmyk.tif").cmyk);
}

TEST(Formats, RefuseByNameWhatHasNoOneMeaning) {
  EXPECT_THAT(refusal_of("lab.tif"), AllOf(HasSubstr("lab.tif"), HasSubstr("Lab"), HasSubstr("convert it to RGB")));
  EXPECT_THAT(refusal_of("float.tif"), AllOf(HasSubstr("32-bit floats"), HasSubstr("scale them")));
  EXPECT_THAT(refusal_of("bands.tif"), AllOf(HasSubstr("4 bands"), HasSubstr("RGB")));
  EXPECT_THAT(refusal_of("preview.tif"), AllOf(HasSubstr("preview"), HasSubstr("develop it")));
  EXPECT_THAT(refusal_of("jpeg_lossless.dcm"), AllOf(HasSubstr("JPEG Lossless"), HasSubstr("dcmdjpeg")));
  EXPECT_THAT(refusal_of("palette.dcm"), AllOf(HasSubstr("PALETTE COLOR"), HasSubstr("RGB")));
}

TEST(Formats, RefuseLabelsFromWhatLosesThemOrHasColours) {
  for (const std::string name : {"jpeg.tif", "lossless.webp", "grey.jp2", "inverted.dcm", "strips.tif", "colour_24.bmp", "plain.ppm"}) {
    EXPECT_THAT(format_error(name, [&](const std::vector<std::byte>& bytes) { (void)decode_labels(bytes, name); }), HasSubstr(name));
  }
}

// A cut file is refused, or nothing of its picture was behind the cut.
TEST(Formats, NameAFileThatEndsTooEarlyOrDecodeAllOfIt) {
  for (const std::string& name : names()) {
    const std::vector<std::byte> whole = fixture(kFolder + name);
    const Image image = decode_rgb(whole, name);
    int refused = 0;
    for (std::size_t size = 140; size < whole.size(); size += 1 + whole.size() / 23) {
      const std::vector<std::byte> part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));  // exact: for ASan
      try {
        EXPECT_EQ(decode_rgb(part, "dir/" + name), image) << name << ": " << size << " of " << whole.size();
      } catch (const DataError& error) {
        ++refused;
        EXPECT_THAT(error.what(), HasSubstr("dir/" + name)) << size;
      }
    }
    EXPECT_TRUE(refused > 0 || whole.size() < 160) << name;
  }
}

TEST(Formats, SurviveFlippedBytesWithPixelsOrADataError) {
  for (const std::string& name : names()) {
    std::vector<std::byte> bytes = fixture(kFolder + name);
    for (std::size_t at = 0; at < bytes.size(); at += 1 + bytes.size() / 97) {
      const std::byte kept = bytes[at];
      bytes[at] ^= static_cast<std::byte>(0x11 << (at % 4));
      try {
        const ImageInfo info = probe(bytes, name);
        if (static_cast<std::int64_t>(info.height) * info.width < 1 << 20) {
          EXPECT_EQ(decode_rgb(bytes, name).height, info.height) << name << " " << at;
        }
      } catch (const DataError&) {
      }
      bytes[at] = kept;
    }
  }
}

// A stack has 8 MB, and DCMTK recurses: 60,000 levels in a small file.
TEST(Formats, RefuseADataSetNestedBeyondAnyDevice) {
  const std::vector<std::byte> ct = fixture(kFolder + "ct.dcm");
  std::vector<std::byte> bytes(ct.begin(), ct.begin() + 132 + 12 + 28);  // preamble, meta group with explicit little-endian
  std::string levels;
  for (int i = 0; i < 60'000; ++i) {
    levels += std::string("\x08\x00\x40\x11SQ\0\0\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF", 20);
  }
  for (const std::byte b : bytes_of(levels)) {
    bytes.push_back(b);
  }
  for (const bool whole : {false, true}) {
    try {
      whole ? (void)decode_rgb(bytes, "deep.dcm") : (void)probe(bytes, "deep.dcm");
      ADD_FAILURE() << "was read";
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr("deep.dcm"), HasSubstr("inside of one another")));
    }
  }
}

// Sides of 2^31 - 1 or so in every header that has them as numbers of 32 bits: refused before any memory is taken.
TEST(Formats, RefuseAHeaderOfTooManyPixels) {
  const auto patched = [](const std::string& name, std::size_t at, const std::string& number) {
    std::vector<std::byte> bytes = fixture(kFolder + name);
    std::ranges::copy(bytes_of(number), bytes.begin() + static_cast<std::ptrdiff_t>(at));
    return bytes;
  };
  const std::string little("\x00\x00\x01\x00", 4), big("\x00\x01\x00\x00", 4);
  const auto find = [&](const std::string& name, const std::string& what) {
    const std::vector<std::byte> bytes = fixture(kFolder + name);
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()).find(what);
  };
  std::vector<std::pair<std::string, std::vector<std::byte>>> bombs;
  for (const std::string name : {"colour_24.bmp", "rle_8_6.bmp"}) {
    bombs.emplace_back(name, patched(name, 18, little + little));
  }
  const std::size_t siz = find("colour.j2k", "\xFF\x51");
  bombs.emplace_back("colour.j2k", patched("colour.j2k", siz + 6, big + big));
  const std::size_t vp8x = find("animation.webp", "VP8X");
  bombs.emplace_back("animation.webp", patched("animation.webp", vp8x + 12, std::string("\xFF\x3F\x00\xFF\x3F\x00", 6)));
  const std::size_t rows = find("ct.dcm", std::string("\x28\x00\x10\x00US\x02\x00", 8));
  bombs.emplace_back("ct.dcm", patched("ct.dcm", rows + 8, std::string("\xFF\xFF\x28\x00\x11\x00US\x02\x00\xFF\xFF", 12)));
  const std::string width_tag("\x00\x01\x04\x00\x01\x00\x00\x00\x1B\x00\x00\x00\x01\x01\x04\x00\x01\x00\x00\x00", 20);
  const std::size_t width = find("strips.tif", width_tag);
  std::vector<std::byte> tiff = patched("strips.tif", width + 8, little);
  std::ranges::copy(bytes_of(little), tiff.begin() + static_cast<std::ptrdiff_t>(width + 20));
  bombs.emplace_back("strips.tif", tiff);
  for (const auto& [name, bytes] : bombs) {
    for (const bool whole : {false, true}) {
      std::string error;
      try {
        whole ? (void)decode_rgb(bytes, name) : (void)probe(bytes, name);
      } catch (const DataError& caught) {
        error = caught.what();
      }
      EXPECT_THAT(error, AllOf(HasSubstr(name), HasSubstr("200000000"))) << whole;
    }
  }
}

}  // namespace
}  // namespace muster::image
