#include "dist/collective_battery.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "core/hash.hpp"
#include "core/random.hpp"

namespace muster::testing_support {
namespace {

using dist::Communicator;

// As the communicator's bf16, but written from the definition: the nearest of the two neighbours, ties to the even one.
struct Bf16 {
  std::uint16_t bits = 0;
  static float value(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }
  static Bf16 nearest(float exact) {
    const auto below = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(exact) >> 16);  // towards zero
    const auto above = static_cast<std::uint16_t>(below + 1);
    const double to_below = std::abs(static_cast<double>(exact) - value(below));
    const double to_above = std::abs(static_cast<double>(value(above)) - exact);
    const bool take_above = to_above < to_below || (to_above == to_below && above % 2 == 0);
    return {take_above ? above : below};
  }
};

template <class T>
struct Traits;
template <>
struct Traits<float> {
  static constexpr ScalarType kType = ScalarType::kF32;
  using Sum = float;
  static float draw(double value) { return static_cast<float>(value); }
};
template <>
struct Traits<double> {
  static constexpr ScalarType kType = ScalarType::kF64;
  using Sum = double;
  static double draw(double value) { return value; }
};
template <>
struct Traits<std::int64_t> {
  static constexpr ScalarType kType = ScalarType::kI64;
  using Sum = std::int64_t;
  static std::int64_t draw(double value) { return std::llround(value * 1e15); }
};
template <>
struct Traits<std::int32_t> {
  static constexpr ScalarType kType = ScalarType::kI32;
  using Sum = std::int32_t;
  static std::int32_t draw(double value) { return static_cast<std::int32_t>(std::lround(value * 1e5)); }
};
template <>
struct Traits<Bf16> {
  static constexpr ScalarType kType = ScalarType::kBF16;
  using Sum = float;
  static Bf16 draw(double value) { return Bf16::nearest(static_cast<float>(value)); }
};

template <class T>
typename Traits<T>::Sum widen(T value) {
  if constexpr (std::is_same_v<T, Bf16>) {
    return Bf16::value(value.bits);
  } else {
    return value;
  }
}

template <class T>
T narrow(typename Traits<T>::Sum value) {
  if constexpr (std::is_same_v<T, Bf16>) {
    return Bf16::nearest(value);
  } else {
    return value;
  }
}

// What rank `rank` hands in.
template <class T>
std::vector<T> values_of(int rank, std::size_t count) {
  const RandomSequence random(7, RandomStream::kInit, static_cast<std::uint32_t>(rank), static_cast<std::uint32_t>(count), 0);
  constexpr std::array kSizes{1e-3, 1e-2, 0.1, 1.0, 10.0, 1e2, 1e3};
  std::vector<T> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = Traits<T>::draw(random.uniform(i, -1, 1) * kSizes[i % kSizes.size()]);
  }
  return values;
}

// The tree as it can be defined from the top: a full one over the largest power of two below the number of ranks, and the rest.
template <class Leaf>
auto tree(const Leaf& leaf, int first, int ranks) -> decltype(leaf(0)) {
  if (ranks == 1) {
    return leaf(first);
  }
  const int left = static_cast<int>(std::bit_floor(static_cast<unsigned>(ranks - 1)));
  return tree(leaf, first, left) + tree(leaf, first + left, ranks - left);
}

template <class T>
std::vector<T> expected_sum(int world, std::size_t count) {
  std::vector<std::vector<T>> inputs;
  for (int rank = 0; rank < world; ++rank) {
    inputs.push_back(values_of<T>(rank, count));
  }
  std::vector<T> sums(count);
  for (std::size_t i = 0; i < count; ++i) {
    sums[i] = narrow<T>(tree([&](int rank) { return widen(inputs[static_cast<std::size_t>(rank)][i]); }, 0, world));
  }
  return sums;
}

class Battery {
 public:
  explicit Battery(Communicator& communicator)
      : c_(communicator), world_(static_cast<std::size_t>(c_.world())), rank_(static_cast<std::size_t>(c_.rank())) {}

  BatteryResult run() {
    for (const std::size_t count : {0, 1, 2, 3, 5, 64, 1000, 1025, 4097, 20'001}) {
      sums<float>(count);
      sums<double>(count);
      sums<Bf16>(count);
      sums<std::int64_t>(count);
      sums<std::int32_t>(count);
      gathers(count);
      broadcasts(count);
      c_.barrier().wait();
    }
    large_sum();
    return std::move(result_);
  }

 private:
  // Bytes are compared: -0 is not 0, and a NaN would be seen.
  template <class T>
  void expect_equal(const std::vector<T>& got, const std::vector<T>& wanted, const std::string& what) {
    const bool equal = got.size() == wanted.size() && (got.empty() || std::memcmp(got.data(), wanted.data(), got.size() * sizeof(T)) == 0);
    if (!equal) {
      result_.faults.push_back(fmt::format("rank {} of {}: {} is wrong", rank_, world_, what));
    }
    digest(got);
  }
  template <class T>
  void digest(const std::vector<T>& got) {
    std::string bytes(reinterpret_cast<const char*>(got.data()), got.size() * sizeof(T));
    bytes += std::to_string(result_.digest);
    result_.digest = xxh3_64(bytes);
  }
  template <class T>
  static std::span<std::byte> bytes_of(std::vector<T>& values) {
    return std::as_writable_bytes(std::span(values));
  }

  template <class T>
  void sums(std::size_t count) {
    constexpr ScalarType kType = Traits<T>::kType;
    const std::string what = fmt::format("{} {}", count, scalar_name(kType));
    std::vector<T> values = values_of<T>(c_.rank(), count);
    c_.all_reduce(bytes_of(values), kType).wait();
    expect_equal(values, expected_sum<T>(c_.world(), count), "all_reduce of " + what);

    const std::vector<T> whole = expected_sum<T>(c_.world(), count * world_);
    const auto begin = whole.begin() + static_cast<std::ptrdiff_t>(rank_ * count);
    const std::vector<T> slice(begin, begin + static_cast<std::ptrdiff_t>(count));
    std::vector<T> input = values_of<T>(c_.rank(), count * world_);
    std::vector<T> chunk(count);
    c_.reduce_scatter(std::as_bytes(std::span(input)), bytes_of(chunk), kType).wait();
    expect_equal(chunk, slice, "reduce_scatter into chunks of " + what);
    const std::span<T> own = std::span(input).subspan(rank_ * count, count);
    c_.reduce_scatter(std::as_bytes(std::span(input)), std::as_writable_bytes(own), kType).wait();
    expect_equal({own.begin(), own.end()}, slice, "reduce_scatter in place into chunks of " + what);

    // reduce_scatter and all_gather in two steps have the bits of all_reduce.
    c_.all_gather(std::as_bytes(own), bytes_of(input)).wait();
    expect_equal(input, whole, "all_gather of the chunks of " + what);
    std::vector<T> at_once = values_of<T>(c_.rank(), count * world_);
    c_.all_reduce(bytes_of(at_once), kType).wait();
    expect_equal(at_once, input, "all_reduce against reduce_scatter and all_gather of " + what);
  }

  void gathers(std::size_t count) {
    std::vector<float> wanted;
    for (int rank = 0; rank < c_.world(); ++rank) {
      const std::vector<float> theirs = values_of<float>(rank, count);
      wanted.insert(wanted.end(), theirs.begin(), theirs.end());
    }
    const std::vector<float> mine = values_of<float>(c_.rank(), count);
    std::vector<float> all(count * world_);
    c_.all_gather(std::as_bytes(std::span(mine)), bytes_of(all)).wait();
    expect_equal(all, wanted, fmt::format("all_gather of {} F32", count));
  }

  void broadcasts(std::size_t count) {
    for (int root = 0; root < c_.world(); ++root) {
      std::vector<float> values = values_of<float>(c_.rank(), count);
      c_.broadcast(bytes_of(values), root).wait();
      expect_equal(values, values_of<float>(root, count), fmt::format("broadcast of {} F32 from rank {}", count, root));
    }
  }

  // In several pieces, with an end that is no whole piece. Small whole numbers: the sum is exact in any order.
  void large_sum() {
    std::vector<float> values(world_ * 700'001 + 3);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>((i + rank_) % 1000);
    }
    c_.all_reduce(bytes_of(values), ScalarType::kF32).wait();
    std::vector<float> wanted(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      for (std::size_t rank = 0; rank < world_; ++rank) {
        wanted[i] += static_cast<float>((i + rank) % 1000);
      }
    }
    expect_equal(values, wanted, "all_reduce in several pieces");
  }

  Communicator& c_;
  std::size_t world_;
  std::size_t rank_;
  BatteryResult result_;
};

}  // namespace

BatteryResult run_collective_battery(Communicator& communicator) {
  return Battery(communicator).run();
}

}  // namespace muster::testing_support
