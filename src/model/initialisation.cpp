#include "model/initialisation.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include <ATen/Dispatch.h>
#include <ATen/core/grad_mode.h>

#include "core/error.hpp"
#include "core/random.hpp"
#include "model/parallel_items.hpp"

namespace muster::model {
namespace {

constexpr std::int64_t kPerThread = 64 * 1024;  // elements that a thread takes at once

// Any type but double: its values are floats first.
template <class T>
void fill_range(const RandomSequence& random, const Init& init, std::int64_t first, std::span<T> out) {
  std::array<float, 1024> values;  // at a time, in the first-level cache
  for (std::size_t done = 0; done < out.size(); done += values.size()) {
    const std::span part = std::span(values).first(std::min(values.size(), out.size() - done));
    const std::uint64_t index = static_cast<std::uint64_t>(first) + done;
    if (init.kind == Init::Kind::kNormal) {
      random.normals(index, init.scale, part);
    } else {
      random.uniforms(index, part);
      std::ranges::transform(part, part.begin(), [&](double value) { return static_cast<float>(init.scale * (2 * value - 1)); });
    }
    std::ranges::transform(part, out.begin() + static_cast<std::ptrdiff_t>(done), [](float value) { return static_cast<T>(value); });
  }
}

template <>
void fill_range(const RandomSequence& random, const Init& init, std::int64_t first, std::span<double> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::uint64_t index = static_cast<std::uint64_t>(first) + i;
    out[i] = init.scale * (init.kind == Init::Kind::kNormal ? random.normal(index) : random.uniform(index, -1, 1));
  }
}

}  // namespace

Init default_init(std::int64_t fan_in) {
  return {Init::Kind::kUniform, 1 / std::sqrt(static_cast<double>(fan_in))};
}

void fill(at::Tensor& tensor, const Init& init, std::uint64_t seed, std::string_view parameter_name, std::int64_t first) {
  const at::NoGradGuard no_grad;
  if (init.kind == Init::Kind::kConstant) {
    tensor.fill_(init.scale);
    return;
  }
  check(tensor.is_contiguous() && tensor.is_cpu(), "{}: only contiguous CPU tensors are filled", parameter_name);
  const RandomSequence random = RandomSequence::for_parameter(seed, parameter_name);
  const std::int64_t numel = tensor.numel();
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kBFloat16, at::kHalf, tensor.scalar_type(), "fill", [&] {
    auto* const values = tensor.mutable_data_ptr<scalar_t>();
    parallel_items(static_cast<std::size_t>((numel + kPerThread - 1) / kPerThread), [&](std::size_t item) {
      const std::int64_t begin = static_cast<std::int64_t>(item) * kPerThread, count = std::min(kPerThread, numel - begin);
      fill_range<scalar_t>(random, init, first + begin, std::span<scalar_t>(values + begin, static_cast<std::size_t>(count)));
    });
  });
}

void initialise(ParameterStore& parameters, std::span<const UnitSpec> units, std::uint64_t seed) {
  for (const UnitSpec& unit : units) {
    for (std::size_t i = 0; i < unit.parameters.size(); ++i) {
      at::Tensor tensor = parameters.tensor(unit.parameters[i].name);
      fill(tensor, unit.inits[i], seed, unit.parameters[i].name);
    }
  }
}

void initialise(std::span<ShardedSegment> shards, std::span<const UnitSpec> units, std::uint64_t seed) {
  std::map<std::string_view, const Init*> inits;
  for (const UnitSpec& unit : units) {
    for (std::size_t i = 0; i < unit.parameters.size(); ++i) {
      inits.emplace(unit.parameters[i].name, &unit.inits[i]);
    }
  }
  for (const ShardedSegment& segment : shards) {
    for (TensorSlice& slice : tensor_slices(segment)) {
      fill(slice.values, *inits.at(slice.piece->tensor), seed, slice.piece->tensor, slice.begin);
    }
  }
}

}  // namespace muster::model
