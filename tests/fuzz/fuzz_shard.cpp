// Any columns and any payload behind right hashes: a DataError, or samples that are what the index says. The first byte chooses the task,
// the second whether checksums are mended; then as ShardInput::put().
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

#include "core/error.hpp"
#include "data/index_columns.hpp"
#include "data/shard_file.hpp"
#include "data/shard_reader.hpp"
#include "fuzz/shard_input.hpp"

namespace {

using namespace muster;

constexpr std::array kKinds = {data::TargetKind::kClassMask, data::TargetKind::kSegmentMask, data::TargetKind::kLabel,
                               data::TargetKind::kLabels, data::TargetKind::kNone};

// Wrong pixels would go on into training; so they end the program here.
void demand(bool condition) {
  if (!condition) {
    std::abort();
  }
}

void read_sample(const data::ShardReader& reader, std::uint32_t id) {
  try {
    (void)reader.key(id);
    (void)reader.upright_size(id);
    (void)reader.class_histogram(id);
    (void)reader.labels(id);
    const data::EncodedSample encoded = reader.read(id);
    const data::Sample sample = data::decode(encoded);
    demand(sample.image.height == encoded.height && sample.image.width == encoded.width);
    demand(sample.target.values.empty() || (sample.target.height == encoded.height && sample.target.width == encoded.width));
    for (const std::uint16_t value : sample.target.values) {
      demand(encoded.kind != data::TargetKind::kSegmentMask || value <= sample.segments.size());
    }
  } catch (const DataError&) {
  }
}

// Targets are decoded before their images by crops that look for a class.
void read_target(const data::ShardReader& reader, std::uint32_t id) {
  try {
    (void)data::decode_target(reader.read(id), "input");
  } catch (const DataError&) {
  }
}

void read_set(const fuzz::ShardInput& input, const data::Manifest& manifest) {
  try {
    const data::ShardReader reader(input.folder(), "train", manifest, data::IndexCheck::kWhole, {.waits = {}});
    for (std::uint32_t id = 0; id < reader.size(); ++id) {
      read_sample(reader, id);
      read_target(reader, id);
    }
  } catch (const DataError&) {
  }
}

void check_columns(const fuzz::ShardInput& input, const data::Manifest& manifest) {
  try {
    const data::IndexFile index = data::read_index_file(input.index_path());
    const std::uint64_t payload_bytes = manifest.splits.at("train").shards[0].payload_bytes;
    data::check_columns(index.columns, manifest.target(), manifest.classes.size(), payload_bytes, "input");
    (void)data::fingerprint(index.columns);
    data::SplitStatistics statistics;
    data::count_classes(index.columns, manifest.target(), manifest.classes.size(), statistics);
    data::IndexColumns twice = index.columns;
    data::append_columns(twice, index.columns);
    demand(twice.size() == 2 * index.columns.size());
  } catch (const DataError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::array<std::unique_ptr<fuzz::ShardInput>, kKinds.size()> inputs;
  if (size < 2) {
    return 0;
  }
  std::unique_ptr<fuzz::ShardInput>& input = inputs[data[0] % kKinds.size()];
  if (input == nullptr) {
    input = std::make_unique<fuzz::ShardInput>(kKinds[data[0] % kKinds.size()]);
  }
  const data::Manifest& manifest = input->put({data + 2, size - 2}, data[1] % 2 == 1);
  read_set(*input, manifest);
  check_columns(*input, manifest);
  return 0;
}
