#include "dist/pair_tree.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/error.hpp"

namespace muster::dist {
namespace {

struct BFloat16 {
  std::uint16_t bits;
};

// What is added, and how an element becomes that and back.
template <class T>
struct Arithmetic {
  using Sum = T;
  static Sum widen(T value) noexcept { return value; }
  static T narrow(Sum value) noexcept { return value; }
};

template <>
struct Arithmetic<BFloat16> {
  using Sum = float;
  static float widen(BFloat16 value) noexcept { return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16); }
  // To nearest, ties to even. NaN keeps its sign and stays NaN.
  static BFloat16 narrow(float value) noexcept {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7fffffffU) > 0x7f800000U) {
      return {static_cast<std::uint16_t>((bits >> 16) | 0x40U)};
    }
    return {static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16)};
  }
};

constexpr std::size_t kBlock = 1024;  // elements; the rows of eight ranks stay in the first-level cache

template <class T>
void sum_typed(std::span<const std::byte* const> inputs, std::byte* sum, std::size_t count) {
  using A = Arithmetic<T>;
  using Sum = typename A::Sum;
  const std::size_t ranks = inputs.size();
  std::vector<Sum> storage((ranks + 1) / 2 * kBlock);
  const auto row = [&](std::size_t index) { return storage.data() + index * kBlock; };
  for (std::size_t begin = 0; begin < count; begin += kBlock) {
    const std::size_t n = std::min(kBlock, count - begin);
    const auto input = [&](std::size_t rank) { return reinterpret_cast<const T*>(inputs[rank]) + begin; };
    for (std::size_t pair = 0; 2 * pair < ranks; ++pair) {
      Sum* const to = row(pair);
      const T* const left = input(2 * pair);
      if (2 * pair + 1 < ranks) {
        const T* const right = input(2 * pair + 1);
        for (std::size_t i = 0; i < n; ++i) {
          to[i] = A::widen(left[i]) + A::widen(right[i]);
        }
      } else {
        std::transform(left, left + n, to, &A::widen);
      }
    }
    // A pair's row is never behind the rows that it is made of, so the levels share their memory.
    for (std::size_t width = (ranks + 1) / 2; width > 1; width = (width + 1) / 2) {
      for (std::size_t pair = 0; 2 * pair < width; ++pair) {
        Sum* const to = row(pair);
        const Sum* const left = row(2 * pair);
        if (2 * pair + 1 < width) {
          const Sum* const right = row(2 * pair + 1);
          for (std::size_t i = 0; i < n; ++i) {
            to[i] = left[i] + right[i];
          }
        } else if (to != left) {
          std::copy_n(left, n, to);
        }
      }
    }
    std::transform(row(0), row(0) + n, reinterpret_cast<T*>(sum) + begin, &A::narrow);
  }
}

}  // namespace

bool can_be_added(ScalarType dtype) noexcept {
  return dtype == ScalarType::kF32 || dtype == ScalarType::kF64 || dtype == ScalarType::kBF16 || dtype == ScalarType::kI64 ||
         dtype == ScalarType::kI32;
}

void sum_in_pairs(std::span<const std::byte* const> inputs, std::byte* sum, std::size_t count, ScalarType dtype) {
  check(!inputs.empty(), "a sum over no ranks");
  check(can_be_added(dtype), "ranks cannot add {} elements; F32, F64, BF16, I64 and I32 can be added", scalar_name(dtype));
  if (inputs.size() == 1) {
    if (inputs[0] != sum && count > 0) {
      std::memmove(sum, inputs[0], count * scalar_bytes(dtype));
    }
    return;
  }
  switch (dtype) {
    case ScalarType::kF32:
      return sum_typed<float>(inputs, sum, count);
    case ScalarType::kF64:
      return sum_typed<double>(inputs, sum, count);
    case ScalarType::kBF16:
      return sum_typed<BFloat16>(inputs, sum, count);
    case ScalarType::kI64:
      return sum_typed<std::uint64_t>(inputs, sum, count);
    default:
      return sum_typed<std::uint32_t>(inputs, sum, count);
  }
}

double sum_in_pairs(std::span<const double> values) {
  std::vector<double> level(values.begin(), values.end());
  for (; level.size() > 1; level.resize((level.size() + 1) / 2)) {
    for (std::size_t pair = 0; 2 * pair < level.size(); ++pair) {
      level[pair] = 2 * pair + 1 < level.size() ? level[2 * pair] + level[2 * pair + 1] : level[2 * pair];
    }
  }
  return level.empty() ? 0 : level[0];
}

}  // namespace muster::dist
