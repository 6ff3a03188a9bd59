// CRC-32 (zlib's polynomial) by folding 256 bytes a turn with carry-less products of 256-bit registers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace muster {

// Whether this processor multiplies so (VPCLMULQDQ and AVX2: Zen 3, Ice Lake, and later).
bool can_fold_crc32() noexcept;

// At least 256 bytes -> the 16 bytes that have the same CRC-32 when the register starts from zero, and how many bytes they stand for
// (the largest multiple of 16), which are copied to `copy` on the way unless that is null. Only where can_fold_crc32().
struct FoldedCrc32 {
  alignas(16) std::byte rest[16];
  std::size_t consumed = 0;
};
FoldedCrc32 fold_crc32(std::span<const std::byte> bytes, std::byte* copy = nullptr) noexcept;

}  // namespace muster
