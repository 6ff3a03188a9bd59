#include "weights/random_weights.hpp"

#include <utility>
#include <vector>

#include <ATen/ops/from_blob.h>

#include "core/error.hpp"
#include "model/initialisation.hpp"
#include "weights/scalar_types.hpp"

namespace muster::weights {

TensorSupply random_supply(const model::Model& model, std::uint64_t seed) {
  TensorSupply supply;
  std::vector<model::Init> inits;  // of the first items, which are the parameters; the rest are buffers
  for (const model::UnitSpec& unit : model.units()) {
    for (std::size_t i = 0; i < unit.parameters.size(); ++i) {
      supply.items.push_back({.name = unit.parameters[i].name, .dtype = ScalarType::kF32, .shape = unit.parameters[i].shape});
      inits.push_back(unit.inits[i]);
    }
  }
  for (const auto& [name, tensor] : model.buffers()) {
    check(tensor.is_cpu(), "buffer {} has no values on the CPU", name);
    supply.items.push_back({.name = name, .dtype = stored_type(tensor.scalar_type()), .shape = tensor.sizes().vec()});
  }
  std::vector<std::string> names;
  for (const TensorSupply::Item& item : supply.items) {
    names.push_back(item.name);
  }
  supply.read = [&model, seed, inits = std::move(inits), names = std::move(names)](std::size_t index, std::int64_t begin, std::int64_t end,
                                                                                   ScalarType to, void* destination) {
    at::Tensor values = at::from_blob(destination, {end - begin}, at::TensorOptions(torch_type(to)));
    if (index < inits.size()) {
      model::fill(values, inits[index], seed, names[index], begin);
    } else {
      values.copy_(model.buffers()[index - inits.size()].tensor.reshape({-1}).slice(0, begin, end));
    }
  };
  return supply;
}

}  // namespace muster::weights
