#include "ops/adamw.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include "core/error.hpp"
#include "core/flat_layout.hpp"
#include "ops/adamw_cuda.hpp"

namespace muster::ops {
namespace {

constexpr std::int64_t kGrain = 32768;    // elements that are worth a thread
constexpr std::int64_t kTerms = 1 << 20;  // tiles between two carries, far below the 2^30 that a digit holds

// Elements l and l + 32 first, then halves onto halves: the order of a warp's shuffles in adamw.cu.
template <class Real>
double tile_squares(const Real* tile, std::int64_t count) {
  std::array<double, kTile> squares{};
  for (std::int64_t i = 0; i < count; ++i) {
    squares[i] = static_cast<double>(tile[i]) * static_cast<double>(tile[i]);
  }
  for (std::int64_t width = kTile / 2; width > 0; width /= 2) {
    for (std::int64_t i = 0; i < width; ++i) {
      squares[i] += squares[i + width];
    }
  }
  return squares[0];
}

template <class Real>
void add_squares_cpu(const Real* gradient, std::int64_t numel, std::int64_t* words) {
  std::mutex merging;
  at::parallel_for(0, (numel + kTile - 1) / kTile, kGrain / kTile, [&](std::int64_t first, std::int64_t last) {
    std::array<std::int64_t, kSumWords> own{};
    for (std::int64_t tile = first; tile < last; ++tile) {
      sum_add(own.data(), tile_squares(gradient + tile * kTile, std::min(kTile, numel - tile * kTile)));
      if ((tile + 1) % kTerms == 0) {
        sum_carry(own.data());
      }
    }
    sum_carry(own.data());
    const std::lock_guard lock(merging);  // exact, so the order of threads does not matter
    for (int i = 0; i < kSumWords; ++i) {
      words[i] += own[i];
    }
  });
  sum_carry(words);
}

template <class Real>
void adamw_cpu(Real* parameter, const Real* gradient, Real* moment1, Real* moment2, std::span<const PieceRate> pieces,
               const AdamWConstants& constants, const StepScalars& scalars) {
  for (const PieceRate& piece : pieces) {
    const AdamWCoefficients<Real> c = adamw_coefficients<Real>(constants, scalars, piece.lr, piece.weight_decay);
    at::parallel_for(piece.begin, piece.end, kGrain, [&](std::int64_t begin, std::int64_t end) {
      // Restrict pointers, so that the loop becomes vector instructions.
      Real* __restrict__ p = parameter;
      const Real* __restrict__ g = gradient;
      Real* __restrict__ m = moment1;
      Real* __restrict__ v = moment2;
      for (std::int64_t i = begin; i < end; ++i) {
        adamw_element(c, g[i], p[i], m[i], v[i]);
      }
    });
  }
}

void check_flat(const at::Tensor& tensor, const at::Tensor& like, const char* what) {
  check(tensor.dim() == 1 && tensor.is_contiguous() && tensor.scalar_type() == like.scalar_type() && tensor.device() == like.device() &&
            tensor.numel() == like.numel() && (tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kDouble),
        "adamw: {} is {} elements of {} in {} dims beside {} of {}; a flat fp32 or fp64 segment is wanted", what, tensor.numel(),
        c10::toString(tensor.scalar_type()), tensor.dim(), like.numel(), c10::toString(like.scalar_type()));
}

}  // namespace

at::Tensor make_sum_words(const at::Tensor& like) {
  return at::zeros({kSumWords}, like.options().dtype(at::kLong));
}

at::Tensor make_step_scalars(const at::Tensor& like, const StepScalars& value) {
  at::Tensor host = at::empty({static_cast<std::int64_t>(sizeof(StepScalars))}, at::TensorOptions().dtype(at::kByte));
  std::memcpy(host.data_ptr(), &value, sizeof(StepScalars));
  return host.to(like.device());
}

StepScalars read_step_scalars(const at::Tensor& scalars) {
  const at::Tensor host = scalars.cpu();
  StepScalars value;
  std::memcpy(&value, host.const_data_ptr(), sizeof(StepScalars));
  return value;
}

void add_squares(const at::Tensor& gradient, at::Tensor& sum_words) {
  check_flat(gradient, gradient, "gradient");
  if (gradient.is_cuda()) {
    add_squares_cuda(gradient, sum_words);
  } else if (gradient.scalar_type() == at::kFloat) {
    add_squares_cpu(gradient.const_data_ptr<float>(), gradient.numel(), sum_words.data_ptr<std::int64_t>());
  } else {
    add_squares_cpu(gradient.const_data_ptr<double>(), gradient.numel(), sum_words.data_ptr<std::int64_t>());
  }
}

void advance_step(at::Tensor& scalars, at::Tensor& sum_words, double max_norm, const AdamWConstants& constants) {
  if (scalars.is_cuda()) {
    advance_step_cuda(scalars, sum_words, max_norm, constants);
    return;
  }
  StepScalars value = read_step_scalars(scalars);
  std::int64_t* words = sum_words.data_ptr<std::int64_t>();
  advance(value, words, max_norm, constants);
  std::fill_n(words, kSumWords, 0);
  std::memcpy(scalars.data_ptr(), &value, sizeof(StepScalars));
}

void adamw_step(at::Tensor& parameter, const at::Tensor& gradient, at::Tensor& moment1, at::Tensor& moment2,
                std::span<const PieceRate> pieces, const AdamWConstants& constants, const at::Tensor& scalars) {
  check_flat(parameter, parameter, "parameter");
  check_flat(gradient, parameter, "gradient");
  check_flat(moment1, parameter, "moment1");
  check_flat(moment2, parameter, "moment2");
  for (const PieceRate& piece : pieces) {
    check(piece.begin >= 0 && piece.begin <= piece.end && piece.end <= parameter.numel(),
          "adamw: piece [{}, {}) of a segment of {} elements", piece.begin, piece.end, parameter.numel());
  }
  if (parameter.is_cuda()) {
    adamw_step_cuda(parameter, gradient, moment1, moment2, pieces, constants, scalars);
    return;
  }
  const StepScalars value = read_step_scalars(scalars);
  if (value.applied == 0) {
    return;
  }
  if (parameter.scalar_type() == at::kFloat) {
    adamw_cpu(parameter.data_ptr<float>(), gradient.const_data_ptr<float>(), moment1.data_ptr<float>(), moment2.data_ptr<float>(), pieces,
              constants, value);
  } else {
    adamw_cpu(parameter.data_ptr<double>(), gradient.const_data_ptr<double>(), moment1.data_ptr<double>(), moment2.data_ptr<double>(),
              pieces, constants, value);
  }
}

}  // namespace muster::ops
