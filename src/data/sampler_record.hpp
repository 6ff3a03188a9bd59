// What a checkpoint keeps of the loader: which order, and how far along it. Batch size and ranks may change at a resume.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace muster::data {

struct SamplerRecord {
  std::uint64_t seed = 0;
  std::uint64_t position = 0;        // samples consumed since the start, over epochs ("epoch" and "consumed" in the file)
  std::uint64_t num_samples = 0;     // of the split
  std::string fingerprint;           // of the split
  std::uint64_t global_batch = 0;    // for the reader's information
  std::string sampling = "uniform";  // loader.sampling; others draw with replacement, by another sampler
  bool operator==(const SamplerRecord&) const = default;
};

std::string to_json(const SamplerRecord& record);
// CheckpointError for malformed text, another kind of sampler, or another mode.
SamplerRecord sampler_record_from_json(std::string_view json);

// ConfigError, naming both values, when data, seed, number of samples or sampling of the run differ from the checkpoint's.
void check_resume(const SamplerRecord& saved, const SamplerRecord& current);

}  // namespace muster::data
