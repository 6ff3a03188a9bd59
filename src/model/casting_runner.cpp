#include "model/casting_runner.hpp"

#include <map>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>

namespace muster::model {
namespace {

// A unit's segments lie in the buffer one after the other, each at a multiple of kTile elements as in a shard.
std::int64_t padded(std::int64_t numel) {
  return (numel + kTile - 1) / kTile * kTile;
}

}  // namespace

TensorList CastingRunner::run(const Block& block, TensorList inputs, const BlockContext& context, const PassKey& key) {
  const at::NoGradGuard no_gradients;
  const UnitSpec& unit = block.unit();
  const TensorList& stored = parameters_.unit(unit.name);
  if (stored.empty() || stored.front().scalar_type() == compute_) {
    return block.forward(stored, inputs, context, key);
  }
  if (cast_unit_ != unit.name) {
    cast(unit);
  }
  return block.forward(cast_, inputs, context, key);
}

void CastingRunner::cast(const UnitSpec& unit) {
  const c10::InferenceMode ordinary_tensors(false);  // so that the buffer may be written outside inference mode another time
  const at::NoGradGuard no_gradients;
  cast_.clear();
  cast_unit_.clear();
  std::vector<const Segment*> segments;
  std::int64_t total = 0;
  for (const Segment& segment : parameters_.segments()) {
    if (segment.layout.unit == unit.name) {
      segments.push_back(&segment);
      total += padded(segment.layout.numel);
    }
  }
  if (!buffer_.defined() || buffer_.numel() < total) {
    buffer_ = at::Tensor();  // the smaller one goes before the larger one comes
    buffer_ = at::empty({total}, parameters_.unit(unit.name).front().options().dtype(compute_));
  }
  std::map<std::string_view, at::Tensor> views;
  std::int64_t begin = 0;
  for (const Segment* segment : segments) {
    const at::Tensor part = buffer_.narrow(0, begin, segment->layout.numel);
    part.copy_(segment->data);
    for (const Piece& piece : segment->layout.pieces) {
      views.emplace(piece.tensor, part.narrow(0, piece.begin, piece.end - piece.begin).view(piece.shape));
    }
    begin += padded(segment->layout.numel);
  }
  for (const ParameterInfo& parameter : unit.parameters) {
    cast_.push_back(views.at(parameter.name));
  }
  for (const std::string& name : unit.borrowed) {
    cast_.push_back(parameters_.tensor(name).to(compute_));
  }
  cast_unit_ = unit.name;
}

}  // namespace muster::model
