// None and "auto", as the reference documents write them: transform_args={"color_jitter": None, "normalize": "auto"}.
#pragma once

#include "io/value.hpp"

namespace muster::data {

// In the tree of a recipe, for each augmentation under transform_args that is null: probability 0. (An empty group of any other kind means
// its defaults.) Augmentations that are off unless asked for stay so. Keys that are then as if they were not there are taken out:
// channel_drop and scale_jitter.divisible_by of null, normalize of null or "auto". ConfigError for any other channel_drop.
void switch_off_none(io::Value& recipe);

}  // namespace muster::data
