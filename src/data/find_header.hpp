// The payload of a shard that another program has rewritten, found without HDF5.
#pragma once

#include <cstdint>
#include <optional>

#include "data/shard_format.hpp"

namespace muster::data {

// Byte of the file at which the payload with this header begins, where all of the payload lies within the file: the 64 bytes are
// known, so h5repack cannot hide them unless it compresses. nullopt when they are nowhere, or reading fails. Reads from the
// start of the file on, a block at a time. Any thread; the position of `fd` is not moved.
std::optional<std::uint64_t> find_payload_header(int fd, const PayloadHeader& expected);

}  // namespace muster::data
