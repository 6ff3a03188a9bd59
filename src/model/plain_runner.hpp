// The runner of one rank: every parameter lies in memory, so a block is simply called, and autograd keeps what it needs.
#pragma once

#include <utility>

#include "model/block.hpp"
#include "model/parameters.hpp"

namespace muster::model {

class PlainRunner final : public BlockRunner {
 public:
  explicit PlainRunner(const ParameterStore& parameters) : parameters_(parameters) {}

  TensorList run(const Block& block, TensorList inputs, const BlockContext& context, const PassKey& key) override {
    return block.forward(parameters_.unit(block.unit().name), inputs, context, key);
  }

 private:
  const ParameterStore& parameters_;
};

}  // namespace muster::model
