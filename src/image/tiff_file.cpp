#include "image/tiff_file.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "core/error.hpp"
#include "image/decode.hpp"
#include "image/pixel_limit.hpp"

namespace muster::image {

// What libtiff calls. Reading goes through the mapping; the stream functions serve its headers.
struct TiffCallbacks {
  static TiffFile& file(thandle_t handle) { return *static_cast<TiffFile*>(handle); }

  static tmsize_t read(thandle_t handle, void* to, tmsize_t count) {
    TiffFile& f = file(handle);
    const auto size = static_cast<std::int64_t>(f.bytes_.size());
    const std::int64_t taken = std::clamp<std::int64_t>(size - f.position_, 0, count);
    if (taken > 0) {
      std::memcpy(to, f.bytes_.data() + f.position_, static_cast<std::size_t>(taken));
      f.position_ += taken;
    }
    return taken;
  }
  static tmsize_t write(thandle_t, void*, tmsize_t) { return 0; }
  static toff_t seek(thandle_t handle, toff_t offset, int whence) {
    TiffFile& f = file(handle);
    const auto size = static_cast<std::int64_t>(f.bytes_.size());
    const std::int64_t base = whence == SEEK_CUR ? f.position_ : whence == SEEK_END ? size : 0;
    const auto signed_offset = static_cast<std::int64_t>(offset);
    // Beyond the end there is nothing; one place for all of it keeps the arithmetic from overflowing.
    f.position_ = signed_offset < -base ? 0 : signed_offset > size - base ? size : base + signed_offset;
    return static_cast<toff_t>(f.position_);
  }
  static int close(thandle_t) { return 0; }
  static toff_t size(thandle_t handle) { return file(handle).bytes_.size(); }
  static int map(thandle_t handle, void** base, toff_t* size) {
    TiffFile& f = file(handle);
    *base = const_cast<std::byte*>(f.bytes_.data());  // libtiff reads it only
    *size = f.bytes_.size();
    return 1;
  }
  static void unmap(thandle_t, void*, toff_t) {}

  [[gnu::format(printf, 4, 0)]] static int complain(TIFF*, void* user, const char* module, const char* format, std::va_list arguments) {
    auto& f = *static_cast<TiffFile*>(user);
    if (f.complaint_.empty()) {
      char text[256];
      std::vsnprintf(text, sizeof text, format, arguments);
      f.complaint_ = module == nullptr || *module == '\0' ? text : fmt::format("{}: {}", module, text);
    }
    return 1;
  }
  static int stay_silent(TIFF*, void*, const char*, const char*, std::va_list) { return 1; }
};

namespace {

constexpr tmsize_t kMostLibtiffMemory = tmsize_t{1} << 30;  // in one piece, for its own tables

template <class Value>
Value tiff_tag(TIFF* tiff, std::uint32_t tag, Value otherwise) {
  Value value{};
  return TIFFGetFieldDefaulted(tiff, tag, &value) != 0 ? value : otherwise;
}

[[noreturn]] void refuse_tiff(std::string_view where, std::string_view what, std::string_view remedy) {
  throw DataError("{} is a TIFF file {}, which Muster does not read; {}", where, what, remedy);
}

struct TiffColours {
  TiffMeaning meaning;
  int count;  // samples that are colours; what follows them is alpha or something else
};

TiffColours colours_of(int photometric, bool as_jpeg, std::string_view where) {
  switch (photometric) {
    case PHOTOMETRIC_MINISWHITE:
      return {TiffMeaning::kGreyInverted, 1};
    case PHOTOMETRIC_MINISBLACK:
      return {TiffMeaning::kGrey, 1};
    case PHOTOMETRIC_RGB:
      return {TiffMeaning::kRgb, 3};
    case PHOTOMETRIC_PALETTE:
      return {TiffMeaning::kPalette, 1};
    case PHOTOMETRIC_SEPARATED:
      return {TiffMeaning::kCmyk, 4};
    case PHOTOMETRIC_YCBCR:
      return {as_jpeg ? TiffMeaning::kRgb : TiffMeaning::kYcbcr, 3};
    case PHOTOMETRIC_CIELAB:
    case PHOTOMETRIC_ICCLAB:
    case PHOTOMETRIC_ITULAB:
      refuse_tiff(where, "of Lab colours", "convert it to RGB, which needs its white point");
    case PHOTOMETRIC_LOGL:
    case PHOTOMETRIC_LOGLUV:
      refuse_tiff(where, "of logarithmic light", "map it to 8 or 16 bits a channel");
    case PHOTOMETRIC_CFA:
    case 34892:  // LinearRaw of DNG
      refuse_tiff(where, "of a camera's raw sensor values", "develop it to JPEG, PNG or an RGB TIFF");
    default:
      refuse_tiff(where, fmt::format("with photometric interpretation {}", photometric), "convert it to RGB or grey");
  }
}

// Files without the tag: as many colours as samples, and fax pages are ink on paper.
int guessed_photometric(int samples, int compression) {
  const bool fax = compression == COMPRESSION_CCITTRLE || compression == COMPRESSION_CCITTRLEW || compression == COMPRESSION_CCITTFAX3 ||
                   compression == COMPRESSION_CCITTFAX4;
  return samples >= 3 ? PHOTOMETRIC_RGB : fax ? PHOTOMETRIC_MINISWHITE : PHOTOMETRIC_MINISBLACK;
}

bool has_alpha(TIFF* tiff, int extra) {
  std::uint16_t count = 0;
  const std::uint16_t* kinds = nullptr;
  return extra > 0 && TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &count, &kinds) != 0 && count > 0 &&
         (kinds[0] == EXTRASAMPLE_ASSOCALPHA || kinds[0] == EXTRASAMPLE_UNASSALPHA);
}

}  // namespace

TiffFile::TiffFile(std::span<const std::byte> bytes, std::string_view where) : bytes_(bytes), where_(where) {
  TIFFOpenOptions* options = TIFFOpenOptionsAlloc();
  check(options != nullptr, "TIFFOpenOptionsAlloc: out of memory");
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, kMostLibtiffMemory);
  TIFFOpenOptionsSetErrorHandlerExtR(options, TiffCallbacks::complain, this);
  TIFFOpenOptionsSetWarningHandlerExtR(options, TiffCallbacks::stay_silent, nullptr);
  tiff_ = TIFFClientOpenExt("TIFF", "r", this, TiffCallbacks::read, TiffCallbacks::write, TiffCallbacks::seek, TiffCallbacks::close,
                            TiffCallbacks::size, TiffCallbacks::map, TiffCallbacks::unmap, options);
  TIFFOpenOptionsFree(options);
  if (tiff_ == nullptr) {
    fail();
  }
  try {
    read_layout();
  } catch (...) {
    TIFFClose(tiff_);
    throw;
  }
}

TiffFile::~TiffFile() {
  TIFFClose(tiff_);
}

void TiffFile::fail() const {
  throw DataError("{}: cannot decode this TIFF: {}; the file is cut off or damaged, copy it again or remove it", where_,
                  complaint_.empty() ? "libtiff does not say why" : complaint_);
}

void TiffFile::read_layout() {
  if (!complaint_.empty()) {
    fail();  // the directory was read, but not all of it
  }
  const auto width = tiff_tag<std::uint32_t>(tiff_, TIFFTAG_IMAGEWIDTH, 0);
  const auto height = tiff_tag<std::uint32_t>(tiff_, TIFFTAG_IMAGELENGTH, 0);
  check_pixels(width, height, where_);
  const int samples = tiff_tag<std::uint16_t>(tiff_, TIFFTAG_SAMPLESPERPIXEL, 1);
  const int bits = tiff_tag<std::uint16_t>(tiff_, TIFFTAG_BITSPERSAMPLE, 1);
  const int format = tiff_tag<std::uint16_t>(tiff_, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
  const int compression = tiff_tag<std::uint16_t>(tiff_, TIFFTAG_COMPRESSION, COMPRESSION_NONE);
  const auto kind = tiff_tag<std::uint32_t>(tiff_, TIFFTAG_SUBFILETYPE, 0);
  if ((kind & FILETYPE_REDUCEDIMAGE) != 0) {
    refuse_tiff(where_, "whose first page is a preview, as in camera raw files", "develop it to JPEG, PNG or an RGB TIFF");
  }
  if (format == SAMPLEFORMAT_IEEEFP || format == SAMPLEFORMAT_COMPLEXIEEEFP || format == SAMPLEFORMAT_COMPLEXINT) {
    refuse_tiff(where_, fmt::format("of {}-bit floats", bits), "they have no agreed range: scale them to 8 or 16 bits");
  }
  if (format == SAMPLEFORMAT_INT || bits > 16) {
    refuse_tiff(where_, fmt::format("of {}-bit {} numbers", bits, format == SAMPLEFORMAT_INT ? "signed" : "unsigned"),
                "scale them to 8 or 16 bits without sign");
  }
  if (bits < 1 || samples < 1 || static_cast<std::int64_t>(width) * height > 4 * kMaxPixels / samples) {
    refuse_tiff(where_, fmt::format("of {} x {} pixels with {} samples of {} bits", width, height, samples, bits), "cut it into tiles");
  }
  if (TIFFIsCODECConfigured(static_cast<std::uint16_t>(compression)) == 0) {
    refuse_tiff(where_, fmt::format("with compression {}", compression), "save it with LZW or Deflate");
  }
  const int photometric =
      tiff_tag<std::uint16_t>(tiff_, TIFFTAG_PHOTOMETRIC, static_cast<std::uint16_t>(guessed_photometric(samples, compression)));
  const bool as_jpeg = compression == COMPRESSION_JPEG && photometric == PHOTOMETRIC_YCBCR;
  const TiffColours colours = colours_of(photometric, as_jpeg, where_);
  const int extra = samples - colours.count;
  layout_ = {.meaning = colours.meaning,
             .width = static_cast<int>(width),
             .height = static_cast<int>(height),
             .bits = bits,
             .samples = samples,
             .planar = samples > 1 && tiff_tag<std::uint16_t>(tiff_, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) == PLANARCONFIG_SEPARATE,
             .alpha = has_alpha(tiff_, extra),
             .lossy = compression == COMPRESSION_JPEG || compression == COMPRESSION_OJPEG || compression == COMPRESSION_WEBP ||
                      compression == COMPRESSION_LERC,
             .orientation = tiff_tag<std::uint16_t>(tiff_, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT),
             .multiple = TIFFLastDirectory(tiff_) == 0};
  const bool grey = colours.count == 1;
  if (extra < 0 || (grey && extra > 0 && !(extra == 1 && layout_.alpha && layout_.meaning != TiffMeaning::kPalette))) {
    refuse_tiff(where_, fmt::format("of {} bands without a colour for each", samples),
                "save the three that are red, green and blue as RGB");
  }
  if ((layout_.meaning == TiffMeaning::kPalette || layout_.meaning == TiffMeaning::kYcbcr) && bits > 8) {
    refuse_tiff(where_, fmt::format("of {}-bit {}", bits, grey ? "palette indices" : "YCbCr values"), "convert it to RGB or grey");
  }
  if (as_jpeg && TIFFSetField(tiff_, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB) == 0) {
    fail();
  }
}

}  // namespace muster::image
