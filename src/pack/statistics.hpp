// Numbers about a packed split for its manifest.
#pragma once

#include "data/index_columns.hpp"
#include "data/manifest.hpp"
#include "pack/stored_image.hpp"

namespace muster::pack {

// `columns` of the whole split, `sums` over all its images.
data::SplitStatistics split_statistics(const data::IndexColumns& columns, const PixelSums& sums, data::TargetKind kind,
                                       std::size_t num_classes);

// The sums that a packed split's statistics came from; from mean and std, to the last digits, where a set is older than its sums.
PixelSums sums_of(const data::SplitStatistics& statistics);

}  // namespace muster::pack
