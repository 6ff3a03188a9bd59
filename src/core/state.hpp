// What a checkpoint sees of model, optimizer, sampler and loggers: names, shapes and memory, nothing else (CONTRACTS 12).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/flat_layout.hpp"
#include "core/scalar_type.hpp"

namespace muster {

enum class StateKind { kWeight, kMoment1, kMoment2, kEma, kBuffer };

// "weight", "moment1", "moment2", "ema", "buffer"
const char* state_kind_name(StateKind kind);

// Memory of this rank that holds elements [begin, end) of the flat tensor.
struct StatePiece {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::byte* data = nullptr;
};

// One flat tensor of the run's state. `name` is a segment's, "blocks.7/matrix"; with its kind it is unique, and in a
// file it is called "blocks.7/matrix#moment1".
struct StateEntry {
  std::string name;
  StateKind kind = StateKind::kWeight;
  ScalarType dtype = ScalarType::kF32;
  std::vector<std::int64_t> shape;  // global: {numel} of the segment
  std::vector<StatePiece> pieces;   // what this rank holds
  bool writes = true;               // false on ranks that hold a replica which another rank writes

  std::string file_name() const { return name + "#" + state_kind_name(kind); }
};

// Small state as JSON text: sampler position, schedule, best metric, loggers' positions.
struct StateRecord {
  std::string name;
  std::string json;
};

// All that ckpt is given. Layouts say where each parameter lies in its segment.
struct StateView {
  std::vector<SegmentLayout> layouts;
  std::vector<StateEntry> entries;
  std::vector<StateRecord> records;
};

}  // namespace muster
