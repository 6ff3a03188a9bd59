// Weight files: safetensors with every parameter and stored buffer by its full name in fp32, and a WeightsInfo as metadata.
// Python's `safetensors` package reads them.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "io/safetensors.hpp"
#include "model/model.hpp"
#include "model/parameters.hpp"
#include "weights/weights_info.hpp"

namespace muster::weights {

// All that a weight file of this model holds: parameters in order of declaration, then buffers. The tensors are the model's own.
std::vector<model::NamedTensor> stored_tensors(const model::Model& model, const model::ParameterStore& parameters);

// Atomic. Tensors of any float type and device are written as fp32. OutputError from the disk.
void export_weights(const std::filesystem::path& path, std::span<const model::NamedTensor> tensors, const WeightsInfo& info);

class WeightFile {
 public:
  // DataError when the file is missing, malformed, or has no description by Muster.
  explicit WeightFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const noexcept { return file_.path(); }
  const WeightsInfo& info() const noexcept { return info_; }
  const io::SafetensorsFile& file() const noexcept { return file_; }

  // On the CPU, in the file's own type (F32, F64, BF16, F16). DataError for a missing name or another type.
  at::Tensor tensor(const std::string& name) const;

  // Copies the file into these tensors, casting and moving to their type and device. Names and shapes of both must be the
  // same; DataError tells what is missing, unexpected or of another shape. Nothing is copied then.
  void load(std::span<const model::NamedTensor> tensors) const;

 private:
  io::SafetensorsFile file_;
  WeightsInfo info_;
};

}  // namespace muster::weights
