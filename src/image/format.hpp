// What a file is, by its first bytes and never by its name.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace muster::image {

enum class Format {
  kEmpty,
  kUnknown,
  kJpeg,
  kPng,
  kPnm,  // PBM, PGM, PPM, binary and plain: P1 to P6
  kPam,
  kPfm,
  kWebp,
  kTiff,
  kBmp,
  kGif,
  kJpeg2000,
  kHeif,  // HEIC, AVIF
  kJpegXl,
  kDicom,
  kPsd,
  kIco,
  kQoi,
  kDds,
  kSvg,
  kTga,  // has no magic: a header of plausible numbers
};

Format format_of(std::span<const std::byte> bytes) noexcept;

// "a WebP file", for error sentences.
std::string_view describe(Format format) noexcept;

}  // namespace muster::image
