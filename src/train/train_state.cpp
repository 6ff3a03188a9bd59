#include "train/train_state.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace muster::train {
namespace {

constexpr const char* kProgressRecord = "progress";
constexpr const char* kSamplerRecord = "sampler";
constexpr const char* kWeightsRecord = "weights";

ScalarType scalar_type_of(const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return ScalarType::kF32;
    case at::kDouble:
      return ScalarType::kF64;
    default:
      throw InvariantError("state of type {} cannot be stored", at::toString(tensor.scalar_type()));
  }
}

// The whole of a contiguous tensor, flat.
StateEntry whole_entry(std::string name, StateKind kind, const at::Tensor& tensor) {
  check(tensor.is_contiguous(), "state {} is not contiguous", name);
  return {.name = std::move(name),
          .kind = kind,
          .dtype = scalar_type_of(tensor),
          .shape = {tensor.numel()},
          .pieces = {{.begin = 0, .end = tensor.numel(), .data = static_cast<std::byte*>(tensor.data_ptr())}}};
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

StateView TrainState::view(const std::string& weights_info) {
  StateView view = weights_view(parameters, model->buffers());
  optimizer.append_state(view);
  progress.updates = optimizer.updates();
  progress.skipped = optimizer.skipped();
  view.records = {{kProgressRecord, to_json(progress)}, {kSamplerRecord, data::to_json(sampler)}, {kWeightsRecord, weights_info}};
  return view;
}

void TrainState::take_records(const std::vector<StateRecord>& records) {
  progress = progress_from_json(record(records, kProgressRecord));
  sampler = data::sampler_record_from_json(record(records, kSamplerRecord));
  optimizer.restore_counts(progress.updates, progress.skipped);
}

}  // namespace muster::train
