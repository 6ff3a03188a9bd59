// Element types of weights, as files name them and as LibTorch does.
#pragma once

#include <c10/core/ScalarType.h>

#include "core/scalar_type.hpp"

namespace muster::weights {

// F32, F64, BF16 and F16. Throws ConfigError for the others: weights are none of them.
at::ScalarType torch_type(ScalarType type);

// float, double, bfloat16 and half. Throws InvariantError for the others.
ScalarType stored_type(at::ScalarType type);

}  // namespace muster::weights
