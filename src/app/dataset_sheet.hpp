// The contact sheet of a packed split: samples with what is stored of them, so that a person sees whether pairing and classes are right.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "data/class_list.hpp"
#include "data/shard_reader.hpp"
#include "report/contact_sheet.hpp"

namespace muster::app {

struct SheetRequest {
  std::uint32_t samples = 32;              // at most
  std::optional<std::uint64_t> seed = {};  // none: evenly spread over the split
};

// Ascending ids of the samples to show.
std::vector<std::uint32_t> sheet_ids(std::uint32_t size, const SheetRequest& request);

// Semantic: image and mask in colour over it, void without colour, a legend of the classes that are seen. Panoptic: each segment in a
// colour of its own with a border, what there is below. Classification: the names of the classes below. Else the image alone.
// DataError naming the sample that cannot be read.
report::ContactSheet dataset_sheet(const data::ShardReader& reader, const data::ClassList& classes, const SheetRequest& request);

}  // namespace muster::app
