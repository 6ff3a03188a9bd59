#include "model/mask_targets.hpp"

#include "core/error.hpp"

namespace muster::model {
namespace {

ImageMasks masks_of_image(const std::int32_t* targets, int rows, int columns, std::int64_t classes) {
  const std::int64_t pixels = std::int64_t{rows} * columns;
  std::vector<std::int32_t> segment_of(static_cast<std::size_t>(classes) + 1, -1);  // by train index + 1; entry 0 is void
  std::vector<bool> occurs(segment_of.size());
  for (std::int64_t i = 0; i < pixels; ++i) {
    check(targets[i] >= -1 && targets[i] < classes, "masks_of_classes: train index {} with {} classes", targets[i], classes);
    occurs[static_cast<std::size_t>(targets[i] + 1)] = true;
  }
  ImageMasks result{.segments = with_border(targets, rows, columns, kOutside), .labels = {}};
  for (std::int64_t label = 0; label < classes; ++label) {
    if (occurs[static_cast<std::size_t>(label + 1)]) {
      segment_of[static_cast<std::size_t>(label + 1)] = static_cast<std::int32_t>(result.labels.size());
      result.labels.push_back(label);
    }
  }
  for (std::int32_t& cell : result.segments.cells) {
    cell = cell == kOutside ? kOutside : segment_of[static_cast<std::size_t>(cell + 1)];
  }
  return result;
}

}  // namespace

MaskTargets masks_of_classes(const at::Tensor& targets_BHW, std::int64_t classes) {
  check(targets_BHW.dim() == 3 && targets_BHW.scalar_type() == at::kInt,
        "masks_of_classes: targets must be int32 [B,H,W], not {} with {} axes", at::toString(targets_BHW.scalar_type()), targets_BHW.dim());
  const at::Tensor source = targets_BHW.cpu().contiguous();
  const auto rows = static_cast<int>(source.size(1)), columns = static_cast<int>(source.size(2));
  MaskTargets result;
  for (std::int64_t image = 0; image < source.size(0); ++image) {
    result.push_back(masks_of_image(source.const_data_ptr<std::int32_t>() + image * rows * columns, rows, columns, classes));
  }
  return result;
}

}  // namespace muster::model
