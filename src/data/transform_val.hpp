// transform_args.val, as the reference documents write it: what validation shares with training, or does not do.
#pragma once

#include "io/value.hpp"

namespace muster::data {

// In the tree of a recipe whose transform_args.normalize is settled: takes out of transform_args.val what says the same as without it.
// That is each augmentation and channel_drop of null, smallest_max_size of null or the short side of the window, which is what
// evaluation scales images to, and normalize of null, "auto" or training's numbers. ConfigError for anything else under these keys.
void take_settled_val(io::Value& recipe);

}  // namespace muster::data
