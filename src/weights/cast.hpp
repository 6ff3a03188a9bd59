// Casts between the floating types of weight files, in plain memory.
#pragma once

#include <cstdint>

#include "core/scalar_type.hpp"

namespace muster::weights {

// F32, F64, BF16, F16: those that can be cast to each other.
bool is_float(ScalarType type) noexcept;

// `count` elements of two float types; the memory must not overlap. Rounds to nearest, ties to even, in one step also from F64
// to 16 bits; too large becomes infinite. Any thread. InvariantError for other types.
void cast(ScalarType from, const void* source, ScalarType to, void* destination, std::int64_t count);

}  // namespace muster::weights
