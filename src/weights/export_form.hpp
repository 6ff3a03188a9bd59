// Weights in the names and containers of others: Hugging Face folders that transformers opens, and Meta's names as safetensors
// or as a `.pth` that torch.load opens. Tensor by tensor: beside the source, memory for one tensor is used.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/model.hpp"
#include "weights/load_plan.hpp"
#include "weights/weights_info.hpp"

namespace muster::weights {

// Our tensors by name, wherever they are: in memory, or still in a file of any form.
struct TensorSupply {
  struct Item {
    std::string name;
    ScalarType dtype = ScalarType::kF32;
    std::vector<std::int64_t> shape;
  };
  std::vector<Item> items;
  // Row-major elements [begin, end) of items[index], as load_plan's read_range().
  std::function<void(std::size_t index, std::int64_t begin, std::int64_t end, ScalarType to, void* destination)> read;
};
// The tensors must outlive the supply.
TensorSupply supply_of(std::span<const model::NamedTensor> tensors);
// The plan and its sources must outlive the supply. DataError where the plan is not complete.
TensorSupply supply_of(const LoadPlan& plan);

struct ExportOptions {
  std::optional<ScalarType> dtype;               // F32, BF16 or F16; none = as stored
  std::int64_t max_shard_bytes = 5'000'000'000;  // a larger file is split, with an index
  int image_size = 0;                            // pixels, square; 0 = the description's (export_hf)
  bool allow_inexact = false;                    // write what the target's program computes a little differently
};

struct ExportReport {
  std::vector<std::filesystem::path> files;
  std::int64_t tensors = 0, bytes = 0;
  std::vector<std::string> deviations;  // one sentence each: what the other program will compute differently, and by how much
};

// `folder` gets config.json and model.safetensors (or shards and their index); it is made if need be. The class is Dinov2,
// Dinov2WithRegisters, DINOv3ViT, EomtForUniversalSegmentation or EomtDinov3ForUniversalSegmentation, by `row` and `info`.
// EoMT on DINOv2: the position table is resized to the image size, which must be square there.
// ConfigError where the target cannot say what the model is, and where it would be inexact and options do not allow that.
ExportReport export_hf(const std::filesystem::path& folder, const model::BackboneRow& row, const TensorSupply& tensors,
                       const WeightsInfo& info, const ExportOptions& options = {});

// Meta's names of the backbone in one file: `.safetensors`, or `.pth` for torch.load. An EoMT head is refused: Meta has none.
ExportReport export_meta(const std::filesystem::path& path, const model::BackboneRow& row, const TensorSupply& tensors,
                         const ExportOptions& options = {});

// Our own format in the given type, streaming; as export_weights() otherwise. `path` is FILE.safetensors, or else a folder for files
// of at most max_shard_bytes and their index.
ExportReport export_muster(const std::filesystem::path& path, const TensorSupply& tensors, const WeightsInfo& info,
                           const ExportOptions& options = {});

}  // namespace muster::weights
