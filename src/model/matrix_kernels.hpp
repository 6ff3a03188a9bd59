// Which matrix kernels LibTorch's CPU part takes.
#pragma once

namespace muster::model {

// From now on the bits of a matrix product do not depend on the number of threads: MKL keeps the order of its sums. Call it before
// the first product of the process. False when MKL is not there or has begun already.
[[nodiscard]] bool keep_order_of_sums() noexcept;

}  // namespace muster::model
