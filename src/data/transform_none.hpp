// None, as the reference documents switch off an augmentation: transform_args={"color_jitter": None}.
#pragma once

#include "io/value.hpp"

namespace muster::data {

// In the tree of a recipe, for each augmentation under transform_args that is null: probability 0. (An empty group of any other kind means
// its defaults.) Augmentations that are off unless asked for stay so.
void switch_off_none(io::Value& recipe);

}  // namespace muster::data
