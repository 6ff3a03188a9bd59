// Mask logits: the scalar product of every query's mask embedding with every pixel's features.
#pragma once

#include <ATen/core/Tensor.h>

namespace muster::model {

// embeddings [B, Q, D], pixels [B, P, D] -> [B, Q, P].
// In training few queries are matched and the mask loss reaches no others, so most rows of the gradient are exactly zero; on the
// CPU backward multiplies only the others, which gives the same result.
at::Tensor mask_product(const at::Tensor& embeddings, const at::Tensor& pixels);

}  // namespace muster::model
