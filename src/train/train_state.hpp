// All that changes during training, described for ckpt: weights, moments, buffers as flat memory; progress as records.
#pragma once

#include <memory>
#include <vector>

#include "core/state.hpp"
#include "data/sampler_record.hpp"
#include "dist/communicator.hpp"
#include "model/model.hpp"
#include "model/parameters.hpp"
#include "optim/adamw.hpp"
#include "train/progress.hpp"

namespace muster::train {

// Owns the parameters and the optimizer of one rank; every rank holds all of them. One thread at a time.
struct TrainState {
  std::unique_ptr<model::Model> model;
  model::ParameterStore parameters;
  optim::AdamW optimizer;
  Progress progress;
  data::SamplerRecord sampler;

  // Memory of this object: a checkpoint writes from it and reads into it. Of each tensor it is the part that this rank writes and
  // reads (core's FlatShard). `weights_info` is stored beside it, so that a checkpoint can be exported and evaluated by itself.
  StateView view(const std::string& weights_info, int rank = 0, int world = 1);
  // Collective, after a checkpoint was read into view(..., rank, world): fetches the other ranks' parts.
  void complete(dist::Communicator& ranks);
  // After a checkpoint was read into view().entries: takes the records. CheckpointError when one is missing.
  void take_records(const std::vector<StateRecord>& records);
};

// Weights and buffers alone: what export and evaluation need of a checkpoint.
StateView weights_view(model::ParameterStore& parameters, const std::vector<model::NamedTensor>& buffers);

}  // namespace muster::train
