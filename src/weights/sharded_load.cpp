#include "weights/sharded_load.hpp"

#include <algorithm>
#include <vector>

#include "core/error.hpp"
#include "weights/scalar_types.hpp"

namespace muster::weights {

void load_shards(const LoadPlan& plan, std::span<model::ShardedSegment> shards) {
  require_complete(plan);
  std::vector<RangeRead> ranges;
  for (const model::ShardedSegment& segment : shards) {
    for (const model::TensorSlice& slice : model::tensor_slices(segment)) {
      if (std::ranges::find(plan.kept, slice.piece->tensor) != plan.kept.end()) {
        continue;
      }
      const TensorRecipe& recipe = plan.recipe(slice.piece->tensor);
      check(recipe.shape == slice.piece->shape, "the plan and the shards are of different models: {} has other shapes", recipe.name);
      ranges.push_back({.recipe = &recipe,
                        .begin = slice.begin,
                        .end = slice.end,
                        .to = stored_type(segment.data.scalar_type()),
                        .destination = slice.values.mutable_data_ptr()});
    }
  }
  read_ranges(ranges);
}

}  // namespace muster::weights
