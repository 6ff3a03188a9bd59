// Tensors under way to a file, one piece at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/scalar_type.hpp"

namespace muster::weights {

struct OutputTensor {
  std::string name;
  ScalarType dtype = ScalarType::kF32;  // of the file
  std::vector<std::int64_t> shape;
  // Row-major elements [begin, end) in that type.
  std::function<void(std::int64_t begin, std::int64_t end, void* destination)> read;

  std::int64_t numel() const noexcept;
  std::uint64_t bytes() const noexcept { return static_cast<std::uint64_t>(numel()) * scalar_bytes(dtype); }
};

// One safetensors file; atomic.
void stream_safetensors(const std::filesystem::path& path, std::span<const OutputTensor> tensors,
                        const std::map<std::string, std::string>& metadata);

// model.safetensors, or model-0000x-of-0000y.safetensors and model.safetensors.index.json where all together exceed `max_bytes`.
// What an earlier export left under the other names is removed. Returns the files.
std::vector<std::filesystem::path> stream_shards(const std::filesystem::path& folder, std::span<const OutputTensor> tensors,
                                                 std::uint64_t max_bytes, const std::map<std::string, std::string>& metadata);

// One torch zip; atomic.
void stream_torch(const std::filesystem::path& path, std::span<const OutputTensor> tensors);

}  // namespace muster::weights
