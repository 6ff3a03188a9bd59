#include "data/mask_codec.hpp"

#include <algorithm>
#include <cstring>

#include <libdeflate.h>

#include "core/error.hpp"
#include "core/unique_handle.hpp"
#include "data/sample.hpp"

namespace muster::data {

namespace {

constexpr int kLevel = 9;  // spec B.6: higher levels take 30 times as long for a few percent
constexpr std::uint8_t kVoid8 = 255;

struct CompressorTraits {
  using type = libdeflate_compressor*;
  static type none() noexcept { return nullptr; }
  static void close(type handle) noexcept { libdeflate_free_compressor(handle); }
};
struct DecompressorTraits {
  using type = libdeflate_decompressor*;
  static type none() noexcept { return nullptr; }
  static void close(type handle) noexcept { libdeflate_free_decompressor(handle); }
};

std::vector<std::uint8_t> narrow(const image::LabelMap& labels) {
  std::vector<std::uint8_t> bytes(labels.values.size());
  std::ranges::transform(labels.values, bytes.begin(), [](std::uint16_t label) {
    check(label < kVoid8 || label == kVoidLabel, "encode_mask: label {} does not fit 8 bits", label);
    return label == kVoidLabel ? kVoid8 : static_cast<std::uint8_t>(label);
  });
  return bytes;
}

std::vector<std::byte> deflate(const void* bytes, std::size_t count) {
  const UniqueHandle<CompressorTraits> compressor(libdeflate_alloc_compressor(kLevel));
  check(static_cast<bool>(compressor), "libdeflate_alloc_compressor: out of memory");
  std::vector<std::byte> out(libdeflate_zlib_compress_bound(compressor.get(), count));
  const std::size_t length = libdeflate_zlib_compress(compressor.get(), bytes, count, out.data(), out.size());
  check(length > 0, "libdeflate_zlib_compress: {} bytes did not fit their bound {}", count, out.size());
  out.resize(length);
  return out;
}

// One per thread, since making one costs more than a small mask.
libdeflate_decompressor* decompressor() {
  thread_local const UniqueHandle<DecompressorTraits> handle(libdeflate_alloc_decompressor());
  check(static_cast<bool>(handle), "libdeflate_alloc_decompressor: out of memory");
  return handle.get();
}

// The stored numbers, as they are.
image::LabelMap inflate(std::span<const std::byte> bytes, image::Codec codec, int dtype, int height, int width, std::string_view where) {
  image::LabelMap labels(height, width);
  if (dtype != 1) {
    unpack_mask(bytes, codec, dtype, height, width, std::as_writable_bytes(std::span(labels.values)), where);
    return labels;
  }
  std::vector<std::uint8_t> narrow_bytes(labels.values.size());
  unpack_mask(bytes, codec, dtype, height, width, std::as_writable_bytes(std::span(narrow_bytes)), where);
  std::ranges::copy(narrow_bytes, labels.values.begin());
  return labels;
}

}  // namespace

std::vector<std::byte> encode_mask(const image::LabelMap& labels, int dtype) {
  check(dtype == 1 || dtype == 2, "encode_mask: dtype {}", dtype);
  if (dtype == 1) {
    const std::vector<std::uint8_t> bytes = narrow(labels);
    return deflate(bytes.data(), bytes.size());
  }
  return deflate(labels.values.data(), labels.values.size() * sizeof(std::uint16_t));
}

std::vector<std::byte> encode_segment_mask(const image::LabelMap& segments, int dtype) {
  check(dtype == 1 || dtype == 2, "encode_segment_mask: dtype {}", dtype);
  if (dtype == 2) {
    return deflate(segments.values.data(), segments.values.size() * sizeof(std::uint16_t));
  }
  std::vector<std::uint8_t> bytes(segments.values.size());
  std::ranges::transform(segments.values, bytes.begin(), [](std::uint16_t segment) {
    check(segment <= 255, "encode_segment_mask: segment {} does not fit 8 bits", segment);
    return static_cast<std::uint8_t>(segment);
  });
  return deflate(bytes.data(), bytes.size());
}

void unpack_mask(std::span<const std::byte> bytes, image::Codec codec, int dtype, int height, int width, std::span<std::byte> out,
                 std::string_view where) {
  if (codec != image::Codec::kZlibRaw || (dtype != 1 && dtype != 2)) {
    throw DataError("{}: mask codec {} with dtype {} is not known here; wanted zlib_raw (3) with dtype 1 or 2", where,
                    static_cast<int>(codec), dtype);
  }
  check(out.size() == static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * static_cast<std::size_t>(dtype),
        "unpack_mask: {} bytes for {} x {} labels of {}", out.size(), height, width, dtype);
  // Without a place for the actual length, libdeflate demands exactly the length that is wanted.
  const libdeflate_result result = libdeflate_zlib_decompress(decompressor(), bytes.data(), bytes.size(), out.data(), out.size(), nullptr);
  if (result != LIBDEFLATE_SUCCESS) {
    throw DataError("{}: the mask's {} bytes do not unpack to {} x {} labels of {} bytes (libdeflate result {}); repack this shard", where,
                    bytes.size(), height, width, dtype, static_cast<int>(result));
  }
}

image::LabelMap decode_mask(std::span<const std::byte> bytes, image::Codec codec, int dtype, int height, int width,
                            std::string_view where) {
  image::LabelMap labels = inflate(bytes, codec, dtype, height, width, where);
  if (dtype == 1) {
    std::ranges::replace(labels.values, std::uint16_t{kVoid8}, kVoidLabel);
  }
  return labels;
}

image::LabelMap decode_segment_mask(std::span<const std::byte> bytes, image::Codec codec, int dtype, int height, int width,
                                    std::size_t num_segments, std::string_view where) {
  image::LabelMap segments = inflate(bytes, codec, dtype, height, width, where);
  const auto largest = std::ranges::max_element(segments.values);
  if (largest != segments.values.end() && *largest > num_segments) {
    throw DataError("{}: the mask holds the segment {}, the index has {} for this image; repack this shard", where, *largest, num_segments);
  }
  return segments;
}

}  // namespace muster::data
