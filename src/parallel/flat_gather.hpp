// Flat host tensors as bytes for dist, and a flat tensor put together from the shards of all ranks.
#pragma once

#include <cstddef>
#include <span>

#include <ATen/core/Tensor.h>

#include "core/scalar_type.hpp"
#include "dist/communicator.hpp"

namespace muster::parallel {

// Memory of a contiguous host tensor. InvariantError for any other.
std::span<std::byte> bytes_of(const at::Tensor& tensor);
// InvariantError for a type other than float and double.
ScalarType scalar_type_of(const at::Tensor& tensor);

// Collective. `flat` has the same length on all ranks; rank r's FlatShard of it is right, and afterwards all of it is.
void gather_shards(at::Tensor& flat, dist::Communicator& ranks);

}  // namespace muster::parallel
