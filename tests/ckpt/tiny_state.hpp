// A small state of two units, cut for any number of ranks: what the tests of checkpoints write and read.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <unistd.h>

#include "core/state.hpp"
#include "support/temporary_folder.hpp"

namespace muster::ckpt {

using testing_support::TemporaryFolder;

inline std::vector<SegmentLayout> tiny_layouts(std::int64_t width = 5) {
  std::vector<SegmentLayout> layouts = segment_layouts("blocks.0", {{.name = "backbone.blocks.0.attn.qkv.weight", .shape = {3 * width, 10}},
                                                                    {.name = "backbone.blocks.0.attn.proj.weight", .shape = {width, 10}},
                                                                    {.name = "backbone.blocks.0.norm1.weight", .shape = {10}}});
  for (const SegmentLayout& layout : segment_layouts("head", {{.name = "class_head.weight", .shape = {6, 30}}})) {
    layouts.push_back(layout);
  }
  return layouts;
}

// This rank's memory of weights and both moments, and an unsharded buffer.
class TinyState {
 public:
  explicit TinyState(float start = 0, int rank = 0, int world = 1, std::int64_t width = 5) {
    for (const SegmentLayout& layout : tiny_layouts(width)) {
      view_.layouts.push_back(layout);
      const FlatShard shard = flat_shard(layout.numel, rank, world);
      for (const StateKind kind : {StateKind::kWeight, StateKind::kMoment1, StateKind::kMoment2}) {
        add(layout.name(), kind, layout.numel, shard.begin, shard.end, start + 1000 * static_cast<float>(kind));
      }
    }
    add("backbone.rope.periods", StateKind::kBuffer, 16, 0, 16, start + 0.5F);
    view_.records = {{.name = "progress", .json = "{\"step\":7,\"best\":0.25}"}, {.name = "sampler", .json = "{\"position\":112}"}};
  }

  StateView& view() { return view_; }
  std::vector<float>& memory(const std::string& file_name) { return memory_.at(file_name); }
  bool same_values(const TinyState& other) const { return memory_ == other.memory_; }
  void clear() {
    for (auto& [name, values] : memory_) {
      std::fill(values.begin(), values.end(), -1.0F);
    }
  }

 private:
  // Element i of the whole tensor has the value start + i, so that a wrong slice is seen.
  void add(const std::string& name, StateKind kind, std::int64_t numel, std::int64_t begin, std::int64_t end, float start) {
    StateEntry entry{.name = name, .kind = kind, .dtype = ScalarType::kF32, .shape = {numel}, .pieces = {}, .writes = true};
    std::vector<float>& values = memory_[entry.file_name()];
    for (std::int64_t i = begin; i < end; ++i) {
      values.push_back(start + static_cast<float>(i));
    }
    if (begin < end) {
      entry.pieces.push_back({.begin = begin, .end = end, .data = reinterpret_cast<std::byte*>(values.data())});
    }
    view_.entries.push_back(std::move(entry));
  }

  StateView view_;
  std::map<std::string, std::vector<float>> memory_;  // nodes stay where they are
};

}  // namespace muster::ckpt
