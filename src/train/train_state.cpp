#include "train/train_state.hpp"

#include <algorithm>

#include <ATen/ops/from_blob.h>

#include "core/error.hpp"
#include "parallel/flat_gather.hpp"

namespace muster::train {
namespace {

constexpr const char* kProgressRecord = "progress";
constexpr const char* kSamplerRecord = "sampler";
constexpr const char* kWeightsRecord = "weights";

// The whole of a contiguous tensor, flat.
StateEntry whole_entry(std::string name, StateKind kind, const at::Tensor& tensor) {
  check(tensor.is_contiguous(), "state {} is not contiguous", name);
  return {.name = std::move(name),
          .kind = kind,
          .dtype = parallel::scalar_type_of(tensor),
          .shape = {tensor.numel()},
          .pieces = {{.begin = 0, .end = tensor.numel(), .data = static_cast<std::byte*>(tensor.data_ptr())}}};
}

// Leaves of an entry's memory, which holds the whole tensor, the part of one rank.
void keep_share(StateEntry& entry, int rank, int world) {
  const StatePiece whole = entry.pieces.at(0);
  const FlatShard shard = flat_shard(whole.end, rank, world);
  entry.pieces.clear();
  if (shard.begin < shard.end) {
    const std::size_t skipped = static_cast<std::size_t>(shard.begin) * scalar_bytes(entry.dtype);
    entry.pieces.push_back({.begin = shard.begin, .end = shard.end, .data = whole.data + skipped});
  }
}

const std::string& record(const std::vector<StateRecord>& records, std::string_view name) {
  const auto found = std::ranges::find(records, name, &StateRecord::name);
  if (found == records.end()) {
    throw CheckpointError("the checkpoint has no record '{}'; it was not written by muster train", name);
  }
  return found->json;
}

}  // namespace

StateView weights_view(model::ParameterStore& parameters, const std::vector<model::NamedTensor>& buffers) {
  StateView view;
  for (model::Segment& segment : parameters.segments()) {
    view.layouts.push_back(segment.layout);
    view.entries.push_back(whole_entry(segment.layout.name(), StateKind::kWeight, segment.data));
  }
  for (const model::NamedTensor& buffer : buffers) {
    view.entries.push_back(whole_entry(buffer.name, StateKind::kBuffer, buffer.tensor));
  }
  return view;
}

StateView TrainState::view(const std::string& weights_info, int rank, int world) {
  StateView view = weights_view(parameters, model->buffers());
  optimizer.append_state(view);
  for (StateEntry& entry : view.entries) {
    keep_share(entry, rank, world);
  }
  progress.updates = optimizer.updates();
  progress.skipped = optimizer.skipped();
  view.records = {{kProgressRecord, to_json(progress)}, {kSamplerRecord, data::to_json(sampler)}, {kWeightsRecord, weights_info}};
  return view;
}

void TrainState::complete(dist::Communicator& ranks) {
  StateView whole = weights_view(parameters, model->buffers());
  optimizer.append_state(whole);
  for (const StateEntry& entry : whole.entries) {
    const StatePiece& memory = entry.pieces.at(0);
    at::Tensor flat = at::from_blob(memory.data, {memory.end}, entry.dtype == ScalarType::kF32 ? at::kFloat : at::kDouble);
    parallel::gather_shards(flat, ranks);
  }
}

void TrainState::take_records(const std::vector<StateRecord>& records) {
  progress = progress_from_json(record(records, kProgressRecord));
  sampler = data::sampler_record_from_json(record(records, kSamplerRecord));
  optimizer.restore_counts(progress.updates, progress.skipped);
}

}  // namespace muster::train
