#include "model/initialisation.hpp"

#include <cmath>

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include "core/error.hpp"
#include "core/random.hpp"

namespace muster::model {

Init default_init(std::int64_t fan_in) {
  return {Init::Kind::kUniform, 1 / std::sqrt(static_cast<double>(fan_in))};
}

void fill(at::Tensor& tensor, const Init& init, std::uint64_t seed, std::string_view parameter_name) {
  const at::NoGradGuard no_grad;
  if (init.kind == Init::Kind::kConstant) {
    tensor.fill_(init.scale);
    return;
  }
  check(tensor.is_contiguous() && tensor.is_cpu(), "{}: only contiguous CPU tensors are filled", parameter_name);
  const RandomSequence random = RandomSequence::for_parameter(seed, parameter_name);
  AT_DISPATCH_FLOATING_TYPES(tensor.scalar_type(), "fill", [&] {
    auto* const values = tensor.mutable_data_ptr<scalar_t>();
    at::parallel_for(0, tensor.numel(), 4096, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const auto index = static_cast<std::uint64_t>(i);
        const double value = init.kind == Init::Kind::kNormal ? random.normal(index) : random.uniform(index, -1, 1);
        values[i] = static_cast<scalar_t>(init.scale * value);
      }
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

}  // namespace muster::model
