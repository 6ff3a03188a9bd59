#include "ckpt/manifest.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "io/value.hpp"

namespace muster::ckpt {
namespace {

constexpr const char* kFormat = "muster-checkpoint";
constexpr const char* kVersion = "1.0";

io::Value shape_value(const std::vector<std::int64_t>& shape) {
  io::Value list = io::Value::list();
  for (const std::int64_t extent : shape) {
    list.push_back(extent);
  }
  return list;
}

io::Value segment_value(const StoredSegment& segment) {
  io::Value kinds = io::Value::list();
  for (const StoredKind& stored : segment.kinds) {
    kinds.push_back(io::Value::map({{"kind", state_kind_name(stored.kind)}, {"dtype", scalar_name(stored.dtype)}}));
  }
  io::Value tensors = io::Value::list();
  for (const Piece& piece : segment.tensors) {
    tensors.push_back(
        io::Value::map({{"name", piece.tensor}, {"shape", shape_value(piece.shape)}, {"begin", piece.begin}, {"end", piece.end}}));
  }
  return io::Value::map({{"name", segment.name},
                         {"numel", segment.numel},
                         {"shards", segment.shards},
                         {"chunk", segment.chunk},
                         {"kinds", kinds},
                         {"tensors", tensors}});
}

StateKind kind_from_name(const std::string& name) {
  for (const StateKind kind : {StateKind::kWeight, StateKind::kMoment1, StateKind::kMoment2, StateKind::kEma, StateKind::kBuffer}) {
    if (name == state_kind_name(kind)) {
      return kind;
    }
  }
  throw DataError("kind of state '{}' is none of weight, moment1, moment2, ema, buffer", name);
}

StoredSegment parse_segment(const io::Value& value) {
  StoredSegment segment{.name = value.at("name").as_string(),
                        .numel = value.at("numel").as_int(),
                        .shards = static_cast<int>(value.at("shards").as_int()),
                        .chunk = value.at("chunk").as_int(),
                        .kinds = {},
                        .tensors = {}};
  for (const io::Value& kind : value.at("kinds").as_list()) {
    segment.kinds.push_back({.kind = kind_from_name(kind.at("kind").as_string()), .dtype = scalar_from_name(kind.at("dtype").as_string())});
  }
  for (const io::Value& tensor : value.at("tensors").as_list()) {
    Piece piece{
        .tensor = tensor.at("name").as_string(), .shape = {}, .begin = tensor.at("begin").as_int(), .end = tensor.at("end").as_int()};
    for (const io::Value& extent : tensor.at("shape").as_list()) {
      piece.shape.push_back(extent.as_int());
    }
    segment.tensors.push_back(std::move(piece));
  }
  return segment;
}

StoredSegment describe_segment(const StateEntry& entry, const StateView& view, int shard, int shards) {
  std::int64_t numel = 1;
  for (const std::int64_t extent : entry.shape) {
    numel *= extent;
  }
  const bool whole = entry.pieces.size() == 1 && entry.pieces[0].begin == 0 && entry.pieces[0].end == numel;
  const FlatShard slice = flat_shard(numel, shard, shards);
  const bool is_slice = entry.pieces.empty()
                            ? slice.begin == slice.end
                            : entry.pieces.size() == 1 && entry.pieces[0].begin == slice.begin && entry.pieces[0].end == slice.end;
  check(whole || is_slice, "checkpoint: rank {} of {} holds neither its slice [{}, {}) nor all {} elements of {}", shard, shards,
        slice.begin, slice.end, numel, entry.file_name());
  StoredSegment segment{.name = entry.name,
                        .numel = numel,
                        .shards = whole ? 1 : shards,
                        .chunk = whole ? flat_shard(numel, 0, 1).chunk : slice.chunk,
                        .kinds = {},
                        .tensors = {}};
  const auto layout =
      std::find_if(view.layouts.begin(), view.layouts.end(), [&](const SegmentLayout& each) { return each.name() == entry.name; });
  if (layout != view.layouts.end()) {
    check(layout->numel == numel, "checkpoint: {} has {} elements in its layout and {} in its state", entry.name, layout->numel, numel);
    segment.tensors = layout->pieces;
  }
  return segment;
}

}  // namespace

const StoredSegment* Manifest::find_segment(std::string_view name) const noexcept {
  const auto found = std::find_if(segments.begin(), segments.end(), [&](const StoredSegment& segment) { return segment.name == name; });
  return found == segments.end() ? nullptr : &*found;
}

Manifest describe(const StateView& view, int shard, int shards) {
  Manifest manifest;
  manifest.records = view.records;
  for (const StateEntry& entry : view.entries) {
    const StoredSegment described = describe_segment(entry, view, shard, shards);
    auto found = std::find_if(manifest.segments.begin(), manifest.segments.end(),
                              [&](const StoredSegment& each) { return each.name == entry.name; });
    if (found == manifest.segments.end()) {
      manifest.segments.push_back(described);
      found = manifest.segments.end() - 1;
    }
    check(found->numel == described.numel && found->shards == described.shards, "checkpoint: {} is not cut as the other kinds of {}",
          entry.file_name(), entry.name);
    found->kinds.push_back({.kind = entry.kind, .dtype = entry.dtype});
  }
  return manifest;
}

std::string to_json(const Manifest& manifest) {
  io::Value segments = io::Value::list();
  for (const StoredSegment& segment : manifest.segments) {
    segments.push_back(segment_value(segment));
  }
  io::Value files = io::Value::list();
  for (const StoredFile& file : manifest.files) {
    files.push_back(io::Value::map({{"name", file.name}, {"bytes", file.bytes}, {"xxh3_128", file.hash}}));
  }
  io::Value records = io::Value::map();
  for (const StateRecord& record : manifest.records) {
    records.set(record.name, io::parse_json(record.json, "record " + record.name));
  }
  return io::to_json(io::Value::map({{"format", kFormat},
                                     {"version", kVersion},
                                     {"run_id", manifest.run_id},
                                     {"step", manifest.step},
                                     {"files_mode", manifest.files_mode},
                                     {"files", files},
                                     {"records", records},
                                     {"segments", segments}}));
}

Manifest parse_manifest(std::string_view text, const std::string& where) {
  try {
    const io::Value root = io::parse_json(text, where);
    if (root.at("format").as_string() != kFormat || root.at("version").as_string() != kVersion) {
      throw CheckpointError("{}: format {} version {}; this build reads {} {}", where, root.at("format").as_string(),
                            root.at("version").as_string(), kFormat, kVersion);
    }
    Manifest manifest;
    manifest.run_id = root.at("run_id").as_string();
    manifest.step = root.at("step").as_int();
    manifest.files_mode = root.at("files_mode").as_string();
    for (const io::Value& segment : root.at("segments").as_list()) {
      manifest.segments.push_back(parse_segment(segment));
    }
    for (const io::Value& file : root.at("files").as_list()) {
      manifest.files.push_back(
          {.name = file.at("name").as_string(), .bytes = file.at("bytes").as_uint(), .hash = file.at("xxh3_128").as_string()});
    }
    for (const auto& [name, record] : root.at("records").as_map()) {
      manifest.records.push_back({.name = name, .json = io::to_json(record, -1)});
    }
    return manifest;
  } catch (const CheckpointError&) {
    throw;
  } catch (const Error& error) {
    throw CheckpointError("{}: not a checkpoint manifest: {}", where, error.what());
  }
}

std::string state_file_name(int shard, int shards) {
  return fmt::format("shard-{:05}-of-{:05}.safetensors", shard, shards);
}

}  // namespace muster::ckpt
