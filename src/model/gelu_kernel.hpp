// GELU of a product and its bias, and the gradients, in one pass each on the CPU.
//
// gelu(x) = x F(x) with F the normal distribution, F(-|x|) = e^(-x^2 / 2) Q(t), t = 1 / (1 + 0.2687 |x|), Q a polynomial of degree
// 9 that interpolates at Chebyshev's nodes: relative error of F(-|x|) 3e-8, as exact as float. The same e serves the derivative
// F(x) + x e / sqrt(2 pi). Form of the approximation: Abramowitz and Stegun 1964, 7.1.26; coefficients fitted for this file.
#pragma once

#include <cstdint>

#include "model/scaled_residual_kernel.hpp"

namespace muster::model {

// x [rows, D], bias [D] -> gelu(x + bias); `out` may be x.
void gelu_forward(const RowShape& shape, const float* x, const float* bias, float* out);

// gradient [rows, D] of out -> x_gradient [rows, D]; bias_sums [chunks, D]: by chunk those of bias. `x_gradient` may be `gradient`.
void gelu_backward(const RowShape& shape, const float* gradient, const float* x, const float* bias, float* x_gradient, float* bias_sums);

}  // namespace muster::model
