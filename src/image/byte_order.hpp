// Numbers inside of files, whatever the order of their bytes. The caller has checked that they lie within the file.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace muster::image {

static_assert(std::endian::native == std::endian::little, "Muster's formats and these readers are for little-endian machines");

inline std::uint16_t little16(std::span<const std::byte> bytes, std::size_t at) noexcept {
  std::uint16_t value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

inline std::uint32_t little32(std::span<const std::byte> bytes, std::size_t at) noexcept {
  std::uint32_t value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

inline std::uint16_t big16(std::span<const std::byte> bytes, std::size_t at) noexcept {
  return __builtin_bswap16(little16(bytes, at));
}

inline std::uint32_t big32(std::span<const std::byte> bytes, std::size_t at) noexcept {
  return __builtin_bswap32(little32(bytes, at));
}

}  // namespace muster::image
