// From a source image and its target to what a shard stores.
#pragma once

#include "data/shard_writer.hpp"
#include "pack/inspect_sample.hpp"
#include "pack/pack_options.hpp"
#include "pack/stored_image.hpp"

namespace muster::pack {

struct PackedSample {
  data::SampleRecord record;
  PixelSums sums;
};

// Decodes image and target strictly and gives them their stored form (stored_image.hpp, SplitSource::encode()).
// DataError naming the file for what is damaged, or not what it was when packing began. UndeclaredValueError. Any thread.
PackedSample encode_sample(const PlannedSample& sample, const SplitSource& source, const PackOptions& options);

}  // namespace muster::pack
