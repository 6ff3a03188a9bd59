// Gradients against central differences, in double.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "model/block.hpp"

namespace muster::model {

// `loss` is a smooth function of the leaves, computed anew at each call. About `per_leaf` elements of each leaf, evenly spread, are moved
// by +-1e-5: the error of the difference is of order 1e-10 |f'''|, and 1e-16 / 1e-5 from rounding.
inline void expect_gradients(TensorList leaves, const std::function<at::Tensor()>& loss, double tolerance = 1e-6,
                             std::int64_t per_leaf = 12) {
  constexpr double kStep = 1e-5;
  for (at::Tensor& leaf : leaves) {
    leaf.mutable_grad() = at::Tensor();
  }
  loss().backward();
  const at::NoGradGuard no_grad;
  for (std::size_t which = 0; which < leaves.size(); ++which) {
    at::Tensor& leaf = leaves[which];
    ASSERT_TRUE(leaf.grad().defined()) << "leaf " << which;
    const at::Tensor gradient = leaf.grad().contiguous();
    double* const values = leaf.data_ptr<double>();
    const std::int64_t stride = std::max<std::int64_t>(1, leaf.numel() / per_leaf);
    for (std::int64_t i = 0; i < leaf.numel(); i += stride) {
      const double kept = values[i];
      values[i] = kept + kStep;
      const double above = loss().item<double>();
      values[i] = kept - kStep;
      const double below = loss().item<double>();
      values[i] = kept;
      const double expected = (above - below) / (2 * kStep);
      EXPECT_NEAR(gradient.data_ptr<double>()[i], expected, tolerance * std::max(1.0, std::abs(expected)))
          << "leaf " << which << ", element " << i;
    }
  }
}

}  // namespace muster::model
