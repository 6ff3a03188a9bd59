#include "data/target_kind.hpp"

#include "core/error.hpp"

namespace muster::data {

TargetKind target_kind(std::string_view task, bool multi_label, std::string_view where) {
  if (task == "semantic_segmentation") {
    return TargetKind::kClassMask;
  }
  if (task == "panoptic_segmentation") {
    return TargetKind::kSegmentMask;
  }
  if (task == "image_classification") {
    return multi_label ? TargetKind::kLabels : TargetKind::kLabel;
  }
  if (task == "pretrain") {
    return TargetKind::kNone;
  }
  throw DataError("{} is for the task \"{}\", which is not known here; use the program that packed it", where, task);
}

int ignore_index(TargetKind kind, int stored_void) noexcept {
  switch (kind) {
    case TargetKind::kClassMask:
      return stored_void;
    case TargetKind::kSegmentMask:
      return 0;
    default:
      return -1;
  }
}

}  // namespace muster::data
