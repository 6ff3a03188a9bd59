// The arithmetic of one AdamW step, shared by the CPU reference and the CUDA kernel.
//
// Source: Loshchilov & Hutter 2019, "Decoupled weight decay regularization", arXiv:1711.05101, algorithm 2, with the
// decay scaled by the learning rate as LibTorch does:
//   p *= 1 - lr wd;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  p -= lr / (1 - b1^t) m / (sqrt(v / (1 - b2^t)) + eps)
#pragma once

#include <cmath>
#include <cstdint>

#include "ops/exact_sum.hpp"
#include "ops/host_device.hpp"

namespace muster::ops {

struct AdamWConstants {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
};

// What every element of a step shares. Lives where the parameters live; the host reads it when it wants to report.
struct StepScalars {
  double norm = 0;            // of the gradient over all ranks, before clipping; inf when it was not finite
  double gradient_scale = 1;  // the clip factor, in (0, 1]
  double bias1 = 1;           // 1 - beta1^t
  double root_bias2 = 1;      // sqrt(1 - beta2^t)
  std::int64_t applied = 0;   // 1: this step changes weights; 0: its gradient is not finite, nothing changes
  std::int64_t updates = 0;   // t: steps applied so far, this one included
  std::int64_t skipped = 0;   // steps not applied so far
};

// Moves `scalars` on by one step whose squared gradient norm is in the accumulator `sum_words` (exact_sum.hpp).
// max_norm = 0: no clipping. The factor max_norm / (norm + 1e-6) is that of torch.nn.utils.clip_grad_norm_.
MUSTER_HOST_DEVICE inline void advance(StepScalars& scalars, std::int64_t* sum_words, double max_norm, const AdamWConstants& constants) {
  const double squares = sum_value(sum_words);
  scalars.norm = sqrt(squares);
  scalars.applied = squares < HUGE_VAL ? 1 : 0;
  if (scalars.applied == 0) {
    ++scalars.skipped;
    return;
  }
  ++scalars.updates;
  const double factor = max_norm / (scalars.norm + 1e-6);
  scalars.gradient_scale = max_norm > 0 && factor < 1 ? factor : 1;
  scalars.bias1 = 1 - pow(constants.beta1, static_cast<double>(scalars.updates));
  scalars.root_bias2 = sqrt(1 - pow(constants.beta2, static_cast<double>(scalars.updates)));
}

// The factors of one piece in the precision of its elements.
template <class Real>
struct AdamWCoefficients {
  Real gradient_scale, beta1, one_minus_beta1, beta2, one_minus_beta2, eps, keep, step_size, inverse_root_bias2;
};

template <class Real>
MUSTER_HOST_DEVICE AdamWCoefficients<Real> adamw_coefficients(const AdamWConstants& constants, const StepScalars& scalars, double lr,
                                                              double weight_decay) {
  return {.gradient_scale = static_cast<Real>(scalars.gradient_scale),
          .beta1 = static_cast<Real>(constants.beta1),
          .one_minus_beta1 = static_cast<Real>(1 - constants.beta1),
          .beta2 = static_cast<Real>(constants.beta2),
          .one_minus_beta2 = static_cast<Real>(1 - constants.beta2),
          .eps = static_cast<Real>(constants.eps),
          .keep = static_cast<Real>(1 - lr * weight_decay),
          .step_size = static_cast<Real>(lr / scalars.bias1),
          .inverse_root_bias2 = static_cast<Real>(1 / scalars.root_bias2)};
}

template <class Real>
MUSTER_HOST_DEVICE inline void adamw_element(const AdamWCoefficients<Real>& c, Real gradient, Real& parameter, Real& moment1,
                                             Real& moment2) {
  const Real g = c.gradient_scale * gradient;
  const Real m = c.beta1 * moment1 + c.one_minus_beta1 * g;
  const Real v = c.beta2 * moment2 + c.one_minus_beta2 * g * g;
  moment1 = m;
  moment2 = v;
  parameter = c.keep * parameter - c.step_size * m / (std::sqrt(v) * c.inverse_root_bias2 + c.eps);
}

}  // namespace muster::ops
