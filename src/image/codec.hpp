// How stored bytes are encoded. The numbers are those of the shard format's enum (src/data/FORMAT.md) and never change.
#pragma once

#include <cstdint>

namespace muster::image {

enum class Codec : std::uint8_t { kNone = 0, kJpeg = 1, kPng = 2, kZlibRaw = 3, kZstdRaw = 4, kWebp = 5 };

}  // namespace muster::image
