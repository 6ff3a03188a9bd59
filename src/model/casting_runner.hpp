// The runner of inference from weights that stay in their file's type: one unit at a time is cast to the type of the computation,
// so that a model of 6.7 billion parameters in bf16 needs 13.4 GB and the size of one unit, never an fp32 copy of the whole.
#pragma once

#include <cstdint>
#include <string>

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>

#include "model/block.hpp"
#include "model/parameters.hpp"

namespace muster::model {

// Results carry no gradient. One thread at a time. `parameters` must outlive the runner.
//
// All of a unit is cast, vectors and tokens too, into one buffer as large as the largest unit that has run; it is freed with the
// runner. The last unit stays cast until another one runs (EoMT's head runs twice at the end of a pass), so after a change of
// the parameters a new runner is needed. Parameters that have the type already are used where they lie.
class CastingRunner final : public BlockRunner {
 public:
  CastingRunner(const ParameterStore& parameters, at::ScalarType compute) : parameters_(parameters), compute_(compute) {}

  TensorList run(const Block& block, TensorList inputs, const BlockContext& context, const PassKey& key) override;

 private:
  void cast(const UnitSpec& unit);

  const ParameterStore& parameters_;
  at::ScalarType compute_;
  at::Tensor buffer_;      // [elements of the largest unit so far] in the type of the computation
  std::string cast_unit_;  // whose parameters `cast_` holds
  TensorList cast_;        // views of `buffer_`, in the order in which blocks take them
};

}  // namespace muster::model
