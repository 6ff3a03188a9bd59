// What a crop shows of a sample's labels, picked out of the form they are kept in: a decoded map, or a mask unpacked but not widened.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "data/sample.hpp"
#include "data/transform_plan.hpp"

namespace muster::data {

// Labels of a whole image. One of the two spans holds height * width of them.
struct LabelView {
  int height = 0;
  int width = 0;
  std::span<const std::uint8_t> narrow;
  std::span<const std::uint16_t> wide;
  int stored_void = -1;                      // value that becomes `void_label`; -1 = none does
  std::uint16_t void_label = kVoidLabel;     // of the result: class masks kVoidLabel, segment masks 0
  std::uint16_t largest_label = kVoidLabel;  // of segments, their number; a crop that shows a larger one is a DataError
};

// A decoded sample's. `sample` must outlive it.
LabelView view_labels(const Sample& sample);
// A stored mask, unpacked into memory of this thread, which the next call of this thread uses again. Void pixels are as in decode().
LabelView unpack_labels(const EncodedSample& encoded, std::string_view where);

// crop_height x crop_width; nearest, padding void. Not flipped or turned yet.
image::LabelMap cut_labels(const LabelView& labels, const TransformPlan& plan, std::string_view where);

}  // namespace muster::data
