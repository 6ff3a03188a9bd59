// Who takes which positions of a global batch (CONTRACTS 7). Pure functions.
#pragma once

#include <cstdint>
#include <string>

namespace muster::data {

// Positions [begin, end), counted over epochs.
struct PositionRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t size() const noexcept { return end - begin; }
  bool operator==(const PositionRange&) const = default;
};

// Part `index` of `parts` of a range: [begin + floor(L i / P), begin + floor(L (i + 1) / P)). The parts tile the range and differ by one at
// most.
[[nodiscard]] PositionRange cut(PositionRange whole, std::uint64_t index, std::uint64_t parts);

// The global batch at or after `position`. tail `stream`: it starts at the position and may span epochs of n. `drop`: what is left
// of an epoch and too short for a batch is skipped. ConfigError for `drop` when a batch is longer than an epoch.
enum class Tail { kStream, kDrop };
Tail tail_from_name(const std::string& name);  // "stream" | "drop"
[[nodiscard]] PositionRange global_batch(std::uint64_t position, std::uint64_t batch_size, std::uint64_t n, Tail tail);

// ConfigError unless every micro-batch of every rank has a sample.
void check_batch(std::int64_t batch_size, int world, int micro_batches);

}  // namespace muster::data
