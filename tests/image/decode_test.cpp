#include "image/decode.hpp"

#include <cstdint>
#include <string>

#include <gmock/gmock.h>

#include "core/error.hpp"
#include "image/encode.hpp"
#include "image/format.hpp"
#include "image/transcode.hpp"
#include "image/fixture.hpp"

namespace muster::image {
namespace {

using namespace std::string_literals;
using testing::AllOf;
using testing::HasSubstr;

// What is thrown as DataError, or an empty text.
template <class Act>
std::string data_error(Act&& act) {
  try {
    act();
  } catch (const DataError& error) {
    return error.what();
  }
  return {};
}

TEST(Decode, EqualsPillowForEveryKindOfJpeg) {
  for (const std::string name : {"jpeg_444", "jpeg_422", "jpeg_420", "progressive", "grey", "cmyk"}) {
    EXPECT_EQ(rgb_fixture(name + ".jpg"), rgb_fixture(name + "_rgb.png")) << name;
  }
}

TEST(Decode, DropsAlphaLooksUpPalettesRepeatsGreyAndRoundsSixteenBits) {
  for (const std::string name : {"palette_1", "palette_2", "palette_4", "palette_8", "rgba", "grey_alpha", "deep"}) {
    EXPECT_EQ(rgb_fixture(name + ".png"), rgb_fixture(name + "_rgb.png")) << name;
  }
}

TEST(Decode, ReadsLabelsAsTheNumbersInTheFileNeverThroughAPalette) {
  for (const std::string bits : {"1", "2", "4", "8"}) {
    const LabelMap through = decode_labels(fixture("palette_" + bits + ".png"), "m");
    EXPECT_EQ(through, decode_labels(fixture("palette_" + bits + "_indices.png"), "m")) << bits;
  }
  const LabelMap deep = decode_labels(fixture("deep.png"), "deep.png");
  EXPECT_EQ(deep.values[1], 128);
  EXPECT_EQ(deep.values[3], 65535);
}

TEST(Decode, RefusesLabelsInColourAndInJpeg) {
  EXPECT_THAT(data_error([] { (void)decode_labels(fixture("source.png"), "mask.png"); }),
              AllOf(HasSubstr("mask.png"), HasSubstr("one number per pixel")));
  EXPECT_THAT(data_error([] { (void)decode_labels(fixture("grey.jpg"), "mask.jpg"); }), AllOf(HasSubstr("mask.jpg"), HasSubstr("PNG")));
}

TEST(Decode, ProbesWithoutDecoding) {
  const ImageInfo cmyk = probe(fixture("cmyk.jpg"), "cmyk.jpg");
  EXPECT_EQ(cmyk.codec, Codec::kJpeg);
  EXPECT_EQ(cmyk.height, 40);
  EXPECT_EQ(cmyk.width, 56);
  EXPECT_EQ(cmyk.channels, 4);
  EXPECT_TRUE(cmyk.cmyk);
  EXPECT_FALSE(cmyk.progressive);
  EXPECT_TRUE(probe(fixture("progressive.jpg"), "p").progressive);
  EXPECT_EQ(probe(fixture("exif_6.jpg"), "e").exif_orientation, 6);
  EXPECT_EQ(probe(fixture("exif_3.png"), "e").exif_orientation, 3);

  const ImageInfo palette = probe(fixture("palette_4.png"), "p");
  EXPECT_EQ(palette.codec, Codec::kPng);
  EXPECT_TRUE(palette.palette);
  EXPECT_TRUE(palette.alpha);  // by its tRNS chunk
  EXPECT_EQ(palette.channels, 1);
  EXPECT_EQ(palette.bit_depth, 4);
  EXPECT_EQ(probe(fixture("deep.png"), "d").bit_depth, 16);
  EXPECT_TRUE(probe(fixture("rgba.png"), "r").alpha);
}

TEST(Decode, NamesAFileThatEndsTooEarlyWhereverItIsCut) {
  for (const std::string name : {"jpeg_420.jpg", "progressive.jpg", "cmyk.jpg", "source.png", "palette_1.png", "deep.png"}) {
    const std::vector<std::byte> whole = fixture(name);
    for (std::size_t size = 12; size < whole.size(); size += 1 + whole.size() / 61) {
      const std::span<const std::byte> part(whole.data(), size);
      EXPECT_THAT(data_error([&] { (void)decode_rgb(part, "dir/" + name); }), HasSubstr("dir/" + name)) << size << " of " << whole.size();
    }
  }
}

TEST(Decode, SurvivesFlippedBytesWithPixelsOrADataError) {
  for (const std::string name : {"jpeg_420.jpg", "progressive.jpg", "rgba.png", "palette_2.png"}) {
    std::vector<std::byte> bytes = fixture(name);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
      const std::byte kept = bytes[at];
      bytes[at] ^= static_cast<std::byte>(0x11 << (at % 4));
      (void)data_error([&] {
        if (probe(bytes, name).height < 4096) {
          (void)decode_rgb(bytes, name);
        }
      });
      bytes[at] = kept;
    }
    EXPECT_FALSE(decode_rgb(bytes, name).pixels.empty());
  }
}

TEST(Decode, AcceptsBytesAfterTheEndOfAJpegAndBeforeAMarker) {
  std::vector<std::byte> bytes = fixture("jpeg_444.jpg");
  const Image expected = decode_rgb(bytes, "a");
  bytes.insert(bytes.end(), 1000, std::byte{0x5A});
  EXPECT_EQ(decode_rgb(bytes, "a"), expected);
  bytes.insert(bytes.begin() + 20, 7, std::byte{0});  // behind the JFIF segment
  EXPECT_EQ(decode_rgb(bytes, "a"), expected);
}

TEST(Decode, SaysWhatAFileIsWhenItIsNotReadAndWhatToDo) {
  const auto refusal = [](const std::string& text, const std::string& name) {
    return data_error([&] { (void)decode_rgb(bytes_of(text), name); });
  };
  EXPECT_THAT(refusal("GIF89a...............", "a.gif"), AllOf(HasSubstr("a.gif is a GIF file"), HasSubstr("convert it, or the frame")));
  EXPECT_THAT(refusal("\0\0\0\x1C"
                      "ftypavif........"s,
                      "a.png"),
              AllOf(HasSubstr("a HEIC or AVIF file"), HasSubstr("heif-convert")));
  EXPECT_THAT(refusal("8BPS\0\1................"s, "a.psd"), HasSubstr("a Photoshop file"));
  EXPECT_THAT(refusal("P7\nWIDTH 1\n", "a.pam"), HasSubstr("a PAM file"));
  EXPECT_THAT(refusal("PF\n1 1\n-1.0\n....", "a.pfm"), AllOf(HasSubstr("floats"), HasSubstr("no agreed range")));
  EXPECT_THAT(refusal("qoif............", "a.qoi"), HasSubstr("a QOI file"));
  EXPECT_THAT(refusal("<svg xmlns=''/>", "a.svg"), AllOf(HasSubstr("SVG"), HasSubstr("render it")));
  EXPECT_THAT(refusal("\0\0\x0A\0\0\0\0\0\0\0\0\0\4\0\4\0\x20\x08...."s, "a.tga"), HasSubstr("a TGA file"));
  EXPECT_THAT(refusal("this is a text file", "text.jpg"), AllOf(HasSubstr("text.jpg"), HasSubstr("no image file of a known kind")));
  EXPECT_THAT(refusal("", "zero.jpg"), AllOf(HasSubstr("zero.jpg"), HasSubstr("0 bytes")));
  for (const std::string magic : {"GIF89a", "qoif", "this is a text file", ""}) {
    EXPECT_THAT(data_error([&] { (void)probe(bytes_of(magic), "a"); }), HasSubstr("a is "));
    EXPECT_THAT(data_error([&] { (void)decode_labels(bytes_of(magic), "a"); }), HasSubstr("a is "));
  }
}

TEST(Decode, KnowsAFormatByItsFirstBytesEvenWhenAScannerPutAnotherOnesThere) {
  const std::string scan = "II*\0"s + std::string(124, '\0') + "DICM1234";
  EXPECT_EQ(format_of(bytes_of(scan)), Format::kDicom);
  EXPECT_EQ(format_of(bytes_of("II*\0"s)), Format::kTiff);
  EXPECT_EQ(format_of(bytes_of("MM\0+"s)), Format::kTiff);
  EXPECT_EQ(format_of(bytes_of("RIFF\x10\0\0\0WEBPVP8 "s)), Format::kWebp);
  EXPECT_EQ(format_of(bytes_of("BM123456")), Format::kBmp);
}

TEST(Decode, RefusesMoreThan200MegapixelsFromTheHeader) {
  std::vector<std::byte> png = fixture("source.png");
  const auto put = [&](std::size_t at, std::uint32_t value) {
    for (int i = 0; i < 4; ++i) {
      png[at + static_cast<std::size_t>(i)] = static_cast<std::byte>(value >> (24 - 8 * i));
    }
  };
  put(16, 20000);
  put(20, 10001);
  put(29, 0xBD1A0C50);  // the header's CRC-32 for these sizes
  EXPECT_THAT(data_error([&] { (void)decode_rgb(png, "bomb.png"); }), AllOf(HasSubstr("bomb.png"), HasSubstr("200000000")));

  std::vector<std::byte> jpeg = fixture("jpeg_444.jpg");
  for (std::size_t at = 0; at + 8 < jpeg.size(); ++at) {
    if (jpeg[at] == std::byte{0xFF} && jpeg[at + 1] == std::byte{0xC0}) {
      for (std::size_t i = 5; i < 9; ++i) {
        jpeg[at + i] = std::byte{0xF0};
      }
      break;
    }
  }
  EXPECT_THAT(data_error([&] { (void)probe(jpeg, "bomb.jpg"); }), AllOf(HasSubstr("bomb.jpg"), HasSubstr("200000000")));
  EXPECT_THAT(data_error([&] { (void)probe(bytes_of("P5 999999999999 3 255\n"), "bomb.pgm"); }), HasSubstr("bomb.pgm"));
}

TEST(Decode, ReadsBinaryPnmOfAnyDepth) {
  const Image rgb = decode_rgb(bytes_of("P6\n# made by hand\n2 1\n255\n\1\2\3\4\5\6"s), "a.ppm");
  EXPECT_THAT(rgb.pixels, testing::ElementsAre(1, 2, 3, 4, 5, 6));
  const std::string deep = "P5 3 1 65535\n\x00\x80\x00\x81\xFF\xFF"s;
  EXPECT_THAT(decode_rgb(bytes_of(deep), "a.pgm").pixels, testing::ElementsAre(0, 0, 0, 1, 1, 1, 255, 255, 255));
  EXPECT_THAT(decode_labels(bytes_of(deep), "a.pgm").values, testing::ElementsAre(128, 129, 65535));
  EXPECT_THAT(decode_rgb(bytes_of("P5 2 1 100\n\x64\x32"), "a.pgm").pixels, testing::ElementsAre(255, 255, 255, 128, 128, 128));
  EXPECT_THAT(data_error([&] { (void)decode_rgb(bytes_of("P5 2 2 255\nabc"), "cut.pgm"); }),
              AllOf(HasSubstr("cut.pgm"), HasSubstr("3 of 4")));
  EXPECT_THAT(data_error([&] { (void)decode_rgb(bytes_of("P5 2 1 9\n\x01\x0A"), "a.pgm"); }), HasSubstr("10"));
}

TEST(Transcode, KeepsEveryPixelOfAProgressiveJpegAndItsComment) {
  const std::vector<std::byte> progressive = fixture("progressive.jpg");
  const std::vector<std::byte> baseline = to_baseline(progressive, "p.jpg");
  EXPECT_FALSE(probe(baseline, "p.jpg").progressive);
  EXPECT_EQ(decode_rgb(baseline, "p.jpg"), decode_rgb(progressive, "p.jpg"));
  EXPECT_EQ(to_baseline(progressive, "p.jpg"), baseline);
  EXPECT_THAT(std::string(reinterpret_cast<const char*>(baseline.data()), baseline.size()), HasSubstr("kept"));
  EXPECT_EQ(decode_rgb(to_baseline(fixture("cmyk.jpg"), "c"), "c"), rgb_fixture("cmyk.jpg"));
  EXPECT_EQ(probe(to_baseline(fixture("exif_6.jpg"), "e"), "e").exif_orientation, 6);
  const std::span<const std::byte> half(progressive.data(), progressive.size() / 2);
  EXPECT_THAT(data_error([&] { (void)to_baseline(half, "half.jpg"); }), HasSubstr("half.jpg"));
}

TEST(Transcode, WritesPnmAsPngOfTheSameDepth) {
  const std::vector<std::byte> deep = bytes_of("P5 3 1 65535\n\x00\x80\x00\x81\xFF\xFF"s);
  const std::vector<std::byte> png = to_png(deep, "a.pgm");
  EXPECT_EQ(probe(png, "a.png").bit_depth, 16);
  EXPECT_EQ(decode_labels(png, "a.png"), decode_labels(deep, "a.pgm"));
  EXPECT_THAT(data_error([&] { (void)to_png(fixture("grey.jpg"), "grey.jpg"); }), HasSubstr("a JPEG file"));
  const std::vector<std::byte> hundred = bytes_of("P5 3 1 100\n\x00\x32\x64"s);  // no PNG has 100 as its largest value
  EXPECT_EQ(decode_rgb(to_png(hundred, "a.pgm"), "a.png"), decode_rgb(hundred, "a.pgm"));
}

}  // namespace
}  // namespace muster::image
