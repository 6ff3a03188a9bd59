// Numbers about a packed split for its manifest.
#pragma once

#include "data/index_columns.hpp"
#include "data/manifest.hpp"
#include "pack/encode_sample.hpp"

namespace muster::pack {

// `columns` of the whole split, `sums` over all its images.
data::SplitStatistics split_statistics(const data::IndexColumns& columns, const PixelSums& sums, data::TargetKind kind,
                                       std::size_t num_classes);

}  // namespace muster::pack
