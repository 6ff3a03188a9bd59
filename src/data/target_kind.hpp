// What a packed data set stores beside its images, which decides what columns its files have (FORMAT.md).
#pragma once

#include <string_view>

namespace muster::data {

enum class TargetKind {
  kNone,         // pretrain: images alone
  kClassMask,    // semantic_segmentation: a dense class index per pixel
  kSegmentMask,  // panoptic_segmentation: a local segment index per pixel, and a table of segments
  kLabel,        // image_classification: one dense class index per image, -1 = unlabelled
  kLabels,       // image_classification with several labels per image
};

// By the name of a task (CONTRACTS 16). DataError naming `where` for one that is not known: a newer program packed it.
TargetKind target_kind(std::string_view task, bool multi_label, std::string_view where = "this data set");

// What /index/.. of a file and its manifest say of pixels or images without class: the stored void of masks, -1 where there are none.
int ignore_index(TargetKind kind, int stored_void) noexcept;

}  // namespace muster::data
