// Any bytes as an image of any format: a DataError, or pixels of the size that the header announced. A mutated file is also tried as a
// mask and rewritten as PNG, which must then decode to the same pixels.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "core/error.hpp"
#include "image/decode.hpp"
#include "image/transcode.hpp"

// Of AddressSanitizer; ASAN_OPTIONS adds to it. DCMTK asks for memory of the length that a file names, and takes no for an answer.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }

namespace {

constexpr std::int64_t kMostPixels = 1 << 18;  // a header may announce 200 million; that is allowed, and slow

void must(bool condition) {
  if (!condition) {
    std::abort();
  }
}

void read_all(std::span<const std::byte> bytes) {
  using namespace muster::image;
  const ImageInfo info = probe(bytes, "input");
  must(info.height >= 1 && info.width >= 1 && info.width <= kMaxPixels / info.height);
  must(info.exif_orientation >= 1 && info.exif_orientation <= 8 && info.bit_depth >= 1 && info.bit_depth <= 16);
  if (static_cast<std::int64_t>(info.height) * info.width > kMostPixels) {
    return;
  }
  try {
    const LabelMap labels = decode_labels(bytes, "input");
    must(labels.values.size() == static_cast<std::size_t>(labels.height) * static_cast<std::size_t>(labels.width));
  } catch (const muster::DataError&) {
  }
  const Image image = decode_rgb(bytes, "input");
  must(image.height == info.height && image.width == info.width && image.channels == 3);
  must(image.pixels.size() == 3 * static_cast<std::size_t>(image.height) * static_cast<std::size_t>(image.width));
  if (info.codec == Codec::kNone) {
    must(decode_rgb(to_png(bytes, "input"), "png") == image);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<std::byte> exact(reinterpret_cast<const std::byte*>(data), reinterpret_cast<const std::byte*>(data) + size);
  try {
    read_all(exact);
  } catch (const muster::DataError&) {
  }
  return 0;
}
