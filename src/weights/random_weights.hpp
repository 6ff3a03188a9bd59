// Random weights written straight into a folder of safetensors files, a few megabytes at a time: a model larger than the memory
// can be made, for trying out what needs weights of its size.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "core/scalar_type.hpp"
#include "model/model.hpp"
#include "weights/weights_info.hpp"

namespace muster::weights {

struct RandomWeightsOptions {
  std::uint64_t seed = 0;
  ScalarType dtype = ScalarType::kF32;           // of the parameters: F32, F64, BF16 or F16; buffers are written in their own type
  std::uint64_t max_file_bytes = 5'000'000'000;  // of tensors; a single larger tensor has a file of its own
};

// Writes what model::initialise() would draw for this seed, and the model's buffers, which must hold their values (build the model
// on the CPU: without a ParameterStore it holds nothing else). `folder` is made; it gets model.safetensors where one file is
// enough, else model-00001-of-0000N.safetensors and so on with model.safetensors.index.json, each with `info` as metadata. Every file is
// atomic, the index comes last. Returns the files, the index included. Throws OutputError from the disk, ConfigError for a
// dtype that weights do not have.
std::vector<std::filesystem::path> write_random_weights(const std::filesystem::path& folder, const model::Model& model,
                                                        const WeightsInfo& info, const RandomWeightsOptions& options);

}  // namespace muster::weights
