// The sum over ranks whose bits depend on the ranks' order alone (CONTRACTS 5).
//
// Five inputs:   a+b   c+d   e        pairs of neighbours; an odd last one passes up unchanged
//               (a+b)+(c+d)   e
//              ((a+b)+(c+d))+e
#pragma once

#include <cstddef>
#include <span>

#include "core/scalar_type.hpp"

namespace muster::dist {

bool can_be_added(ScalarType dtype) noexcept;

// sum[i] = the tree over inputs[0][i], inputs[1][i], ..., for `count` elements of `dtype`: F32, F64, BF16 (added in fp32, rounded
// once at the end), I64 or I32 (wrapping). Each pointer is aligned for its type; `sum` may be one of the inputs. Pure.
// Throws InvariantError for another dtype and for no inputs.
void sum_in_pairs(std::span<const std::byte* const> inputs, std::byte* sum, std::size_t count, ScalarType dtype);

// The same for one double per rank; 0 for none.
double sum_in_pairs(std::span<const double> values);

}  // namespace muster::dist
