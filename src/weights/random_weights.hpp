// Random weights as something to write from: a model larger than the memory can be made, in any of the forms that are exported, for
// trying out what needs weights of its size.
#pragma once

#include <cstdint>

#include "model/model.hpp"
#include "weights/export_form.hpp"

namespace muster::weights {

// The parameters as model::initialise() would draw them from this seed, range by range, in fp32, and the model's buffers. Those
// must hold their values: build the model on the CPU; without a ParameterStore it holds nothing else. `model` must outlive the
// supply. Reads are to floating types.
TensorSupply random_supply(const model::Model& model, std::uint64_t seed);

}  // namespace muster::weights
