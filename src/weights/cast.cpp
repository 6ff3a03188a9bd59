#include "weights/cast.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>

#include "core/error.hpp"
#include "weights/scalar_types.hpp"

namespace muster::weights {
namespace {

constexpr std::int64_t kChunk = 4096;  // elements, 16 KiB on the stack

// LibTorch's vectorised copy; exact, or one rounding, for each pair but double to 16 bits (which it takes through float).
void copy_cast(ScalarType from, const void* source, ScalarType to, void* destination, std::int64_t count) {
  const at::Tensor input = at::from_blob(const_cast<void*>(source), {count}, torch_type(from));
  at::from_blob(destination, {count}, torch_type(to)).copy_(input);
}

// To float by "round to odd": cut off towards zero, with the last bit set when anything was cut. A second rounding to 16 bits is
// then the same as one from double (Boldo and Melquiond 2008, "Emulation of FMA and correctly rounded sums", IEEE TC 57(4)).
float to_odd(double value) {
  auto near = static_cast<float>(value);
  if (static_cast<double>(near) == value || std::isnan(value)) {
    return near;
  }
  auto bits = std::bit_cast<std::uint32_t>(near);
  if (std::abs(static_cast<double>(near)) > std::abs(value)) {
    --bits;  // one step towards zero; from infinity to the largest float
  }
  return std::bit_cast<float>(bits | 1u);
}

}  // namespace

bool is_float(ScalarType type) noexcept {
  return type == ScalarType::kF32 || type == ScalarType::kF64 || type == ScalarType::kBF16 || type == ScalarType::kF16;
}

void cast(ScalarType from, const void* source, ScalarType to, void* destination, std::int64_t count) {
  check(is_float(from) && is_float(to), "a cast from {} to {}", scalar_name(from), scalar_name(to));
  if (from == ScalarType::kF64 && (to == ScalarType::kBF16 || to == ScalarType::kF16)) {
    const auto* input = static_cast<const double*>(source);
    auto* output = static_cast<char*>(destination);
    float odd[kChunk];
    for (std::int64_t begin = 0; begin < count; begin += kChunk) {
      const std::int64_t length = std::min(kChunk, count - begin);
      std::transform(input + begin, input + begin + length, odd, to_odd);
      copy_cast(ScalarType::kF32, odd, to, output + begin * static_cast<std::int64_t>(scalar_bytes(to)), length);
    }
  } else {
    copy_cast(from, source, to, destination, count);
  }
}

}  // namespace muster::weights
