// A TIFF file in memory, opened by libtiff at its first page, and what its tags say. Errors stay here; nothing is printed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <tiffio.h>

namespace muster::image {

// What the pixels of the first page mean.
enum class TiffMeaning {
  kGrey,
  kGreyInverted,  // 0 is white
  kRgb,
  kPalette,
  kCmyk,
  kYcbcr,  // not as JPEG: libtiff's own conversion to RGB is used
};

struct TiffLayout {
  TiffMeaning meaning = TiffMeaning::kGrey;
  int width = 0;
  int height = 0;
  int bits = 1;         // a sample, 1 to 16
  int samples = 1;      // a pixel, as stored
  bool planar = false;  // each sample in a plane of its own
  bool alpha = false;   // one of them, behind the colours
  bool lossy = false;   // compressed as JPEG, WebP or LERC
  int orientation = 1;
  bool multiple = false;
};

class TiffFile {
 public:
  // Reads the first page's directory. Throws DataError naming `where` for what cannot be opened or is not read: floats, signed numbers,
  // Lab, camera raw files, bands without a meaning, unknown compression, more than kMaxPixels. `bytes` and `where` outlive the object.
  TiffFile(std::span<const std::byte> bytes, std::string_view where);
  ~TiffFile();
  TiffFile(const TiffFile&) = delete;
  TiffFile& operator=(const TiffFile&) = delete;

  const TiffLayout& layout() const noexcept { return layout_; }
  TIFF* get() const noexcept { return tiff_; }
  std::string_view where() const noexcept { return where_; }

  // What libtiff complained about first; "" = nothing. Damage inside of a strip is sometimes only told, not returned.
  const std::string& complaint() const noexcept { return complaint_; }
  // The DataError for it.
  [[noreturn]] void fail() const;

 private:
  void read_layout();

  std::span<const std::byte> bytes_;
  std::int64_t position_ = 0;
  std::string_view where_;
  std::string complaint_;
  TIFF* tiff_ = nullptr;
  TiffLayout layout_;

  friend struct TiffCallbacks;
};

}  // namespace muster::image
