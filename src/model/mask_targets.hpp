// What the mask loss compares predictions with: the disjoint masks of each image, as one map.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/point_sampling.hpp"

namespace muster::model {

// The masks of an image are numbered from 0; their count M may be 0 and may exceed the queries.
struct ImageMasks {
  BorderedMap<std::int32_t> segments;  // number of the pixel's mask; -1 = void; kOutside in the border
  std::vector<std::int64_t> labels;    // class of each mask, in [0, classes)
};

using MaskTargets = std::vector<ImageMasks>;  // one per image of the batch

// One mask per class that occurs in an image, in ascending order. `targets_BHW` is int32, -1 = void. Throws InvariantError
// when a value lies outside [-1, classes).
MaskTargets masks_of_classes(const at::Tensor& targets_BHW, std::int64_t classes);

}  // namespace muster::model
