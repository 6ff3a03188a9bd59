#include "data/sampler_record.hpp"

#include "core/error.hpp"
#include "data/sample_order.hpp"
#include "data/sample_weights.hpp"
#include "io/value.hpp"

namespace muster::data {

using io::Value;

std::string to_json(const SamplerRecord& record) {
  const EpochPosition at = epoch_position(record.position, record.num_samples);
  const bool uniform = record.sampling == "uniform";
  Value value = Value::map({{"sampler", uniform ? kSampleOrderName : kWeightedOrderName},
                            {"mode", "global"},
                            {"seed", record.seed},
                            {"epoch", at.epoch},
                            {"consumed", at.offset},
                            {"n", record.num_samples},
                            {"fingerprint", record.fingerprint},
                            {"global_batch", record.global_batch}});
  if (!uniform) {
    value.set("sampling", record.sampling);
  }
  return io::to_json(value, -1);
}

SamplerRecord sampler_record_from_json(std::string_view json) {
  try {
    const Value value = io::parse_json(json, "sampler record");
    const std::string& sampler = value.at("sampler").as_string();
    const std::string& mode = value.at("mode").as_string();
    const bool uniform = sampler == kSampleOrderName;
    if ((!uniform && sampler != kWeightedOrderName) || mode != "global") {
      throw CheckpointError(
          "the checkpoint's sample order is {} in mode {}, this program has {} and {} in mode global; resume with the program that wrote "
          "it",
          sampler, mode, kSampleOrderName, kWeightedOrderName);
    }
    const std::uint64_t n = value.at("n").as_uint();
    return {.seed = value.at("seed").as_uint(),
            .position = value.at("epoch").as_uint() * n + value.at("consumed").as_uint(),
            .num_samples = n,
            .fingerprint = value.at("fingerprint").as_string(),
            .global_batch = value.at("global_batch").as_uint(),
            .sampling = uniform ? "uniform" : value.at("sampling").as_string()};
  } catch (const ConfigError& error) {
    throw CheckpointError("the checkpoint's sampler record is damaged: {}", error.what());
  }
}

void check_resume(const SamplerRecord& saved, const SamplerRecord& current) {
  if (saved.num_samples != current.num_samples || saved.fingerprint != current.fingerprint) {
    throw ConfigError(
        "the checkpoint was trained on {} images with fingerprint {}, the data now has {} with {}; use the same data, or start a new "
        "run with checkpoint=",
        saved.num_samples, saved.fingerprint, current.num_samples, current.fingerprint);
  }
  if (saved.sampling != current.sampling) {
    throw ConfigError("the checkpoint's run had loader.sampling={}, this one has loader.sampling={}; use the same, or start a new run",
                      saved.sampling, current.sampling);
  }
  if (saved.seed != current.seed) {
    throw ConfigError("the checkpoint's run had seed={}, this one has seed={}; use the same seed, or start a new run", saved.seed,
                      current.seed);
  }
}

}  // namespace muster::data
