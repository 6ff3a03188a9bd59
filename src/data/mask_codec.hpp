// Masks as they are stored: the raw label map, row by row, as one zlib stream (RFC 1950). Python's zlib.decompress reads it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "image/codec.hpp"
#include "image/image.hpp"

namespace muster::data {

// `labels`: dense index, kVoidLabel (65535) = void. dtype 1 stores u8 with void 255, dtype 2 u16 little-endian with void 65535.
// InvariantError for a label that the dtype cannot hold. Level 9 of libdeflate. Any thread.
std::vector<std::byte> encode_mask(const image::LabelMap& labels, int dtype);

// Masks of segments: no value stands for void in another width, so 255 is a segment like any other.
// InvariantError for a value above 255 with dtype 1.
std::vector<std::byte> encode_segment_mask(const image::LabelMap& segments, int dtype);

// The numbers as they are stored, `dtype` bytes each, row by row, for those who look at a few of them only: void of a class mask is 255
// with dtype 1. `out`: height * width * dtype bytes. DataError as decode_mask(). Any thread.
void unpack_mask(std::span<const std::byte> bytes, image::Codec codec, int dtype, int height, int width, std::span<std::byte> out,
                 std::string_view where);

// The inverse. DataError naming `where` for damaged bytes, another length than height * width, or an unknown codec.
image::LabelMap decode_mask(std::span<const std::byte> bytes, image::Codec codec, int dtype, int height, int width, std::string_view where);

// The inverse of encode_segment_mask(). DataError as above, and for a value above `num_segments`.
image::LabelMap decode_segment_mask(std::span<const std::byte> bytes, image::Codec codec, int dtype, int height, int width,
                                    std::size_t num_segments, std::string_view where);

}  // namespace muster::data
