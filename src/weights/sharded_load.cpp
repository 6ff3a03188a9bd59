#include "weights/sharded_load.hpp"

#include <algorithm>
#include <vector>

#include "core/error.hpp"
#include "model/parallel_items.hpp"
#include "weights/scalar_types.hpp"

namespace muster::weights {
namespace {

// One read: elements [begin, end) of a tensor, to their place in a shard.
struct Read {
  const TensorRecipe* recipe = nullptr;
  std::int64_t begin = 0, end = 0;
  std::byte* destination = nullptr;
};

void add_reads(const TensorRecipe& recipe, const model::TensorSlice& slice, std::vector<Read>& reads) {
  check(recipe.shape == slice.piece->shape, "the plan and the shards are of different models: {} has other shapes", slice.piece->tensor);
  auto* const data = static_cast<std::byte*>(slice.values.mutable_data_ptr());
  const auto bytes = static_cast<std::int64_t>(slice.values.element_size());
  for (std::int64_t begin = slice.begin; begin < slice.end; begin += kBlockElements) {
    reads.push_back({.recipe = &recipe,
                     .begin = begin,
                     .end = std::min(begin + kBlockElements, slice.end),
                     .destination = data + (begin - slice.begin) * bytes});
  }
}

}  // namespace

void load_shards(const LoadPlan& plan, std::span<model::ShardedSegment> shards) {
  require_complete(plan);
  for (const model::ShardedSegment& segment : shards) {
    std::vector<Read> reads;
    for (const model::TensorSlice& slice : model::tensor_slices(segment)) {
      if (std::ranges::find(plan.kept, slice.piece->tensor) == plan.kept.end()) {
        add_reads(plan.recipe(slice.piece->tensor), slice, reads);
      }
    }
    const ScalarType type = stored_type(segment.data.scalar_type());
    model::parallel_items(reads.size(),
                          [&](std::size_t i) { read_range(*reads[i].recipe, reads[i].begin, reads[i].end, type, reads[i].destination); });
  }
}

}  // namespace muster::weights
