// Units, blocks and the runner between a model and its parameters (CONTRACTS 1 and 2).
//
// A unit is a set of parameters that is gathered at once: `stem`, `blocks.K`, `head`. A block is a pure function over the
// parameters of one unit; several blocks may share a unit (the head's queries are prepended once, its predictions made after
// every joint block). Blocks hold no tensors, so a runner may gather, run, free, and run again in backward.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/flat_layout.hpp"

namespace muster::model {

using TensorList = std::vector<at::Tensor>;

// How a parameter starts when it comes from no file. Values are drawn by RandomSequence::for_parameter.
struct Init {
  enum class Kind : std::uint8_t { kConstant, kNormal, kUniform };
  Kind kind = Kind::kConstant;
  double scale = 0;  // the constant, the standard deviation, or the bound of [-scale, scale)
};

struct UnitSpec {
  std::string name;                       // "stem", "blocks.7", "head"
  std::vector<ParameterInfo> parameters;  // in the order in which blocks receive them
  std::vector<Init> inits;                // one per parameter
  std::vector<std::string> borrowed;      // parameters of earlier units that blocks of this one receive behind its own

  // Declares one parameter more; returns its place in the list that blocks receive.
  std::size_t add(ParameterInfo parameter, Init init) {
    parameters.push_back(std::move(parameter));
    inits.push_back(init);
    return parameters.size() - 1;
  }
};

// What a pass's random draws depend on (CONTRACTS 6). The same key gives the same draws, also when a block runs again.
struct PassKey {
  std::uint64_t seed = 0;
  std::int64_t step = 0;  // optimizer step
  bool training = false;
  std::vector<std::uint32_t> sample_ids;  // one per image of the batch
};

// Inputs of a block that take no gradient and are never recomputed. Undefined tensors mean "none".
struct BlockContext {
  std::int64_t grid_height = 0, grid_width = 0;  // patches; the last P = height * width tokens are patches, row by row
  at::Tensor rope_cos, rope_sin;                 // [P, dh/2]: lanes j and j + dh/2 of a patch turn by the same angle
  at::Tensor attention_mask;                     // [B, Q, P] bool, true = query may attend to the patch; undefined = all may
  TensorList buffers;                            // stored tensors that are no parameters, as the block documents

  std::int64_t patches() const noexcept { return grid_height * grid_width; }
};

class Block {
 public:
  virtual ~Block() = default;

  virtual const UnitSpec& unit() const = 0;
  // Pure: same arguments, same result; any thread. `params` are the unit's parameters, then the borrowed ones.
  virtual TensorList forward(const TensorList& params, const TensorList& inputs, const BlockContext& context, const PassKey& key) const = 0;
};

// Fetches a block's parameters and runs it. Every unit of a model runs through the runner that the model is given.
class BlockRunner {
 public:
  virtual ~BlockRunner() = default;
  virtual TensorList run(const Block& block, TensorList inputs, const BlockContext& context, const PassKey& key) = 0;
};

}  // namespace muster::model
