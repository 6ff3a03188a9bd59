// A whole training on generated images that fits a second: the tiny EoMT of issue 4, with every kind of parameter that sharding may
// get wrong. Used with ranks as threads and under mpirun.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "dist/communicator.hpp"

namespace muster::train {

struct TinyPlan {
  int steps = 20;
  int micro_steps = 1;
  bool fp64 = true;
  int batch_size = 12;
};

struct TinyResult {
  std::map<std::string, at::Tensor> first_gradients;  // by parameter, after step 1's reduce
  std::map<std::string, at::Tensor> initial, weights;
  std::vector<double> losses;         // by step
  std::vector<double> masked_shares;  // by step: of (query, patch) pairs of the joint blocks, those that attention did not see
  std::string hash;                   // XXH3-128 of all weights and moments
};

// EoMT of width 48, 4 blocks, 2 of them joint, 7 queries, on 64 x 64 images with 96 points a mask; behind block 1 stands a block with a
// layer of odd size (5), a frozen matrix, an unused parameter, and one that it borrows from block 0. Warm-up [2, 4], annealing within
// the run. Collective; one LibTorch thread per rank must be set.
TinyResult train_tiny(const TinyPlan& plan, dist::Communicator& ranks);

// Names by what must have happened to them.
bool is_frozen(const std::string& parameter);
bool is_unused(const std::string& parameter);

}  // namespace muster::train
