#include "weights/random_weights.hpp"

#include <algorithm>
#include <string>

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "io/safetensors.hpp"
#include "io/value.hpp"
#include "model/initialisation.hpp"
#include "weights/scalar_types.hpp"

namespace muster::weights {

namespace fs = std::filesystem;

namespace {

constexpr const char* kMetadataKey = "muster";                   // where WeightFile looks for the description
constexpr std::int64_t kElementsAtOnce = std::int64_t{1} << 21;  // drawn and written together

// One tensor to write: a parameter, drawn piece by piece, or a buffer, which is there.
struct Entry {
  io::TensorView view;                // without data where it is drawn
  const model::Init* init = nullptr;  // of a parameter
};

std::vector<Entry> entries_of(const model::Model& model, ScalarType dtype) {
  std::vector<Entry> entries;
  for (const model::UnitSpec& unit : model.units()) {
    for (std::size_t i = 0; i < unit.parameters.size(); ++i) {
      const ParameterInfo& parameter = unit.parameters[i];
      const auto bytes = static_cast<std::size_t>(parameter.numel()) * scalar_bytes(dtype);
      entries.push_back({.view = {.name = parameter.name, .dtype = dtype, .shape = parameter.shape, .data = nullptr, .bytes = bytes},
                         .init = &unit.inits[i]});
    }
  }
  for (const auto& [name, tensor] : model.buffers()) {
    check(tensor.is_cpu() && tensor.is_contiguous(), "buffer {} has no values on the CPU", name);
    entries.push_back({.view = {.name = name,
                                .dtype = stored_type(tensor.scalar_type()),
                                .shape = tensor.sizes().vec(),
                                .data = static_cast<const std::byte*>(tensor.const_data_ptr()),
                                .bytes = tensor.nbytes()},
                       .init = nullptr});
  }
  return entries;
}

// Files in order, each with as many entries as fit.
std::vector<std::span<const Entry>> cut_into_files(std::span<const Entry> entries, std::uint64_t max_bytes) {
  std::vector<std::span<const Entry>> files;
  std::size_t first = 0;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (i > first && bytes + entries[i].view.bytes > max_bytes) {
      files.push_back(entries.subspan(first, i - first));
      first = i;
      bytes = 0;
    }
    bytes += entries[i].view.bytes;
  }
  files.push_back(entries.subspan(first));
  return files;
}

void write_drawn(AtomicFile& file, const Entry& entry, std::uint64_t seed, at::Tensor& values) {
  const auto numel = static_cast<std::int64_t>(entry.view.bytes / scalar_bytes(entry.view.dtype));
  for (std::int64_t begin = 0; begin < numel; begin += kElementsAtOnce) {
    at::Tensor part = values.narrow(0, 0, std::min(kElementsAtOnce, numel - begin));
    model::fill(part, *entry.init, seed, entry.view.name, begin);
    file.write(part.const_data_ptr(), part.nbytes());
  }
}

void write_file(const fs::path& path, std::span<const Entry> entries, const WeightsInfo& info, std::uint64_t seed, at::Tensor& values) {
  std::vector<io::TensorView> views;
  for (const Entry& entry : entries) {
    views.push_back(entry.view);
  }
  AtomicFile file(path);
  file.write(io::safetensors_header(views, {{kMetadataKey, to_json(info)}}));
  for (const Entry& entry : entries) {
    if (entry.init != nullptr) {
      write_drawn(file, entry, seed, values);
    } else {
      file.write(entry.view.data, entry.view.bytes);
    }
  }
  file.commit();
}

// As transformers and other readers of safetensors expect it: which tensor lies in which file.
std::string index_of(std::span<const std::span<const Entry>> files, std::span<const fs::path> paths) {
  io::Value map = io::Value::map();
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    for (const Entry& entry : files[i]) {
      map.set(entry.view.name, paths[i].filename().string());
      total += entry.view.bytes;
    }
  }
  return io::to_json(io::Value::map({{"metadata", io::Value::map({{"total_size", total}})}, {"weight_map", std::move(map)}}), 2) + "\n";
}

}  // namespace

std::vector<fs::path> write_random_weights(const fs::path& folder, const model::Model& model, const WeightsInfo& info,
                                           const RandomWeightsOptions& options) {
  at::Tensor values = at::empty({kElementsAtOnce}, at::TensorOptions().dtype(torch_type(options.dtype)));
  const std::vector<Entry> entries = entries_of(model, options.dtype);
  const auto files = cut_into_files(entries, options.max_file_bytes);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw_output_error("cannot make the folder", folder, error.value());
  }
  std::vector<fs::path> paths;
  for (std::size_t i = 0; i < files.size(); ++i) {
    paths.push_back(folder /
                    (files.size() == 1 ? "model.safetensors" : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, files.size())));
    write_file(paths.back(), files[i], info, options.seed, values);
  }
  const fs::path index = folder / "model.safetensors.index.json";
  if (files.size() > 1) {
    write_file_atomically(index, index_of(files, paths));
    paths.push_back(index);
  }
  // What an earlier export left under the other name would be read in place of this one.
  fs::remove(files.size() > 1 ? folder / "model.safetensors" : index, error);
  return paths;
}

}  // namespace muster::weights
