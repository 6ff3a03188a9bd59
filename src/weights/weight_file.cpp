#include "weights/weight_file.hpp"

#include <algorithm>
#include <set>

#include <ATen/ops/empty.h>
#include <fmt/ranges.h>

#include "core/error.hpp"

namespace muster::weights {

namespace fs = std::filesystem;

namespace {

constexpr const char* kMetadataKey = "muster";
constexpr std::size_t kNamed = 4;  // names in a message; the rest are counted

at::ScalarType torch_type(const io::TensorInfo& info, const fs::path& path) {
  switch (info.dtype) {
    case ScalarType::kF32:
      return at::kFloat;
    case ScalarType::kF64:
      return at::kDouble;
    case ScalarType::kBF16:
      return at::kBFloat16;
    case ScalarType::kF16:
      return at::kHalf;
    default:
      throw DataError("{}: tensor {} is of {}; weights are F32, F64, BF16 or F16", path.string(), info.name, scalar_name(info.dtype));
  }
}

WeightsInfo info_of(const io::SafetensorsFile& file) {
  const auto text = file.metadata().find(kMetadataKey);
  if (text == file.metadata().end()) {
    throw DataError("{} has no metadata '{}': it was not exported by Muster, so its classes and image rules are unknown",
                    file.path().string(), kMetadataKey);
  }
  return parse_weights_info(text->second, file.path().string());
}

std::string listed(const std::vector<std::string>& names) {
  const std::size_t shown = std::min(kNamed, names.size());
  return fmt::format("{}{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                     shown < names.size() ? fmt::format(" and {} more", names.size() - shown) : "");
}

}  // namespace

std::vector<model::NamedTensor> stored_tensors(const model::Model& model, const model::ParameterStore& parameters) {
  std::vector<model::NamedTensor> tensors;
  for (const std::string& name : parameters.names()) {
    tensors.push_back({.name = name, .tensor = parameters.tensor(name)});
  }
  tensors.insert(tensors.end(), model.buffers().begin(), model.buffers().end());
  return tensors;
}

void export_weights(const fs::path& path, std::span<const model::NamedTensor> tensors, const WeightsInfo& info) {
  std::vector<at::Tensor> held;  // copies, where one had to be made, live until they are written
  std::vector<io::TensorView> views;
  for (const model::NamedTensor& named : tensors) {
    held.push_back(named.tensor.detach().to(at::kCPU, at::kFloat).contiguous());
    const at::Tensor& tensor = held.back();
    views.push_back({.name = named.name,
                     .dtype = ScalarType::kF32,
                     .shape = tensor.sizes().vec(),
                     .data = static_cast<const std::byte*>(tensor.const_data_ptr()),
                     .bytes = tensor.nbytes()});
  }
  io::write_safetensors(path, views, {{kMetadataKey, to_json(info)}});
}

WeightFile::WeightFile(const fs::path& path) : file_(path), info_(info_of(file_)) {}

at::Tensor WeightFile::tensor(const std::string& name) const {
  const io::TensorInfo& info = file_.info(name);
  at::Tensor tensor = at::empty(info.shape, at::TensorOptions().dtype(torch_type(info, path())));
  file_.read(name, tensor.data_ptr());
  return tensor;
}

void WeightFile::load(std::span<const model::NamedTensor> tensors) const {
  std::vector<std::string> missing;
  std::vector<std::string> reshaped;
  std::set<std::string> unexpected;
  for (const io::TensorInfo& info : file_.tensors()) {
    unexpected.insert(info.name);
  }
  for (const auto& [name, tensor] : tensors) {
    if (unexpected.erase(name) == 0) {
      missing.push_back(name);
    } else if (tensor.sizes().vec() != file_.info(name).shape) {
      reshaped.push_back(
          fmt::format("{} [{}] for [{}]", name, fmt::join(file_.info(name).shape, ", "), fmt::join(tensor.sizes().vec(), ", ")));
    }
  }
  const auto refuse = [&](const char* what, const std::vector<std::string>& names) {
    if (!names.empty()) {
      throw DataError("{} does not fit the model {}: {} {}: {}", path().string(), info_.model, names.size(), what, listed(names));
    }
  };
  refuse("tensors are missing", missing);
  refuse("tensors are of another shape", reshaped);
  refuse("tensors are not the model's", {unexpected.begin(), unexpected.end()});
  for (const auto& [name, destination] : tensors) {
    destination.detach().copy_(tensor(name));
  }
}

}  // namespace muster::weights
