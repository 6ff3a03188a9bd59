// The checks of verify() on the bytes of one sample.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/atomic_file.hpp"
#include "data/class_list.hpp"
#include "data/index_columns.hpp"
#include "pack/verify.hpp"

namespace muster::pack {

// Exactly these bytes of a file, or DataError. Any thread.
std::vector<std::byte> read_range(const UniqueFd& fd, std::uint64_t offset, std::uint64_t bytes);

// DataError that says what is wrong with sample i of a shard, whose payload starts at `payload_address`. Any thread.
void verify_sample(const UniqueFd& shard, std::uint64_t payload_address, const data::IndexColumns& columns, std::size_t i,
                   VerifyLevel level, const data::ClassList& classes);

}  // namespace muster::pack
