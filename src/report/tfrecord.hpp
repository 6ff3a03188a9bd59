// TFRecord framing: how TensorBoard's event files separate and protect their messages.
//
//   u64 length | u32 masked CRC-32C of the 8 length bytes | payload | u32 masked CRC-32C of the payload     (little-endian)
// Source: tensorflow.org/tutorials/load_data/tfrecord, "TFRecords format details".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace muster::report {

// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), as in RFC 3720, appendix B.4.
std::uint32_t crc32c(std::string_view bytes);
// Rotated right by 15 and shifted by a constant, so that the CRC of data that contains CRCs stays useful.
std::uint32_t masked_crc32c(std::string_view bytes);

std::string tfrecord(std::string_view payload);

}  // namespace muster::report
