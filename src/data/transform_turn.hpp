// The last steps of a transform's geometry: flips in place, quarter turns, and rotation by any angle. Pure; any thread.
#pragma once

#include <cstdint>

#include "data/transform_plan.hpp"
#include "image/image.hpp"

namespace muster::data {

// What the plan says of flips, turns and rotation. What a rotation brings in from outside is `fill`: a pixel value, a label.
void turn_image(image::Image& image, const TransformPlan& plan, std::uint8_t fill);
void turn_labels(image::LabelMap& labels, const TransformPlan& plan, std::uint16_t fill);

}  // namespace muster::data
