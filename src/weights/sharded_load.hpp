// Loading a model that is sharded over ranks: each rank reads the byte ranges of the slices that it keeps, and nothing else.
//
//   const LoadPlan plan = plan_load(file, form, model);  // the same on every rank; reads no tensor data
//   auto shards = model::sharded_segments(model.units(), rank, world, at::kBFloat16);
//   load_shards(plan, shards);
//   load(plan, model.buffers());  // what is no parameter: a few kilobytes per block, whole on every rank
//
// Memory of a rank: its shards, and on each thread the megabyte of a cast; never a whole tensor, whatever kind of file it comes from.
// The exception is a patch kernel of another size, which is made from the whole one.
#pragma once

#include <span>

#include "model/sharded_parameters.hpp"
#include "weights/load_plan.hpp"

namespace muster::weights {

// Fills the shards, which are on the CPU in the type that is wanted (float, double, bfloat16, half), from the plan of their
// model, on LibTorch's threads. Not collective: a rank needs no other. Tensors that the plan keeps are left alone. Throws
// DataError when the plan is not complete, and for NaN (the shards are then partly filled).
void load_shards(const LoadPlan& plan, std::span<model::ShardedSegment> shards);

}  // namespace muster::weights
