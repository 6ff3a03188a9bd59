// The checks of verify() on one sample.
#pragma once

#include <cstddef>
#include <cstdint>

#include "data/class_list.hpp"
#include "data/index_columns.hpp"
#include "data/target_kind.hpp"
#include "pack/stored_image.hpp"
#include "pack/verify.hpp"
#include "pack/verify_source.hpp"

namespace muster::pack {

struct SampleChecks {
  VerifyLevel level = VerifyLevel::kCrc;
  data::TargetKind target = data::TargetKind::kClassMask;
  const data::ClassList& classes;
  std::uint32_t max_side = 0;               // of the manifest
  const SplitComparison* source = nullptr;  // null: sources are not compared
};

// The byte behind the last of row i, from the start of the payload.
std::uint64_t end_of_sample(const data::IndexColumns& columns, std::size_t i) noexcept;

// Row i of the columns, whose blobs lie in the file `shard` behind `payload_address`. Adds the pixels of a decoded image to `sums`.
// DataError that says what is wrong with it. Any thread.
void verify_sample(int shard, std::uint64_t payload_address, std::uint64_t payload_bytes, const data::IndexColumns& columns, std::size_t i,
                   const SampleChecks& checks, PixelSums& sums);

}  // namespace muster::pack
