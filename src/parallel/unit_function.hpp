// One run of a block as one node of autograd: the engine hears when its backward has ended, and no weight sits in a
// list of saved tensors (CONTRACTS 2).
#pragma once

#include <functional>

#include "model/block.hpp"

namespace muster::parallel {

// Runs `block` on leaves of its own and keeps their graph until backward, which adds parameter gradients in place into
// `params[i].grad()` and hands the inputs' gradients on. Parameters that need no gradient get none. Outputs are connected to
// `inputs` and to the parameters, so the result behaves like block.forward(params, inputs, ...).
// `post_backward` is called on the thread that runs backward, when the run's gradients are there.
// Grad mode must be on. A second backward through the same run throws InvariantError.
model::TensorList run_as_function(const model::Block& block, const model::TensorList& params, model::TensorList inputs,
                                  const model::BlockContext& context, const model::PassKey& key, std::function<void()> post_backward);

}  // namespace muster::parallel
