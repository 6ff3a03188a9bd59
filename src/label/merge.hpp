// The end of a labelling: one journal, the list of failed images, and nothing of the work left over.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "label/journal.hpp"
#include "label/label_folder.hpp"
#include "label/plan.hpp"

namespace muster::label {

struct MergeResult {
  std::size_t labelled = 0;
  std::size_t failed = 0;
  std::vector<std::size_t> missing;  // indices of images of which no journal knows: to be looked at again; nothing was written then
};

// Writes _muster/journal.jsonl, one line per image in order of the list, and failed.csv (`path,reason`) when an image failed; clears
// _muster/tmp. DataError when masks were changed while they were labelled; OutputError. One worker at a time.
MergeResult merge_labels(const LabelPlan& plan, const LabelFolder& folder, const std::string& worker);

// Of the merged journal: which images have no mask. Empty when there is none yet.
std::vector<std::size_t> failed_images(const LabelPlan& plan, const LabelFolder& folder);

}  // namespace muster::label
