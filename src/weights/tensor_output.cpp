#include "weights/tensor_output.hpp"

#include <algorithm>
#include <system_error>

#include <fmt/format.h>

#include "core/atomic_file.hpp"
#include "io/safetensors.hpp"
#include "io/torch_file_write.hpp"
#include "io/value.hpp"

namespace muster::weights {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kElementsPerWrite = 1 << 20;

// Calls write(bytes, count) with the tensor's bytes, piece by piece.
template <class Write>
void for_each_piece(const OutputTensor& tensor, std::vector<std::byte>& buffer, const Write& write) {
  const std::int64_t numel = tensor.numel();
  buffer.resize(static_cast<std::size_t>(std::min(kElementsPerWrite, numel)) * scalar_bytes(tensor.dtype));
  for (std::int64_t begin = 0; begin < numel; begin += kElementsPerWrite) {
    const std::int64_t end = std::min(numel, begin + kElementsPerWrite);
    tensor.read(begin, end, buffer.data());
    write(buffer.data(), static_cast<std::size_t>(end - begin) * scalar_bytes(tensor.dtype));
  }
}

std::vector<std::span<const OutputTensor>> cut_into_files(std::span<const OutputTensor> tensors, std::uint64_t max_bytes) {
  std::vector<std::span<const OutputTensor>> files;
  std::size_t first = 0;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (i > first && bytes + tensors[i].bytes() > max_bytes) {
      files.push_back(tensors.subspan(first, i - first));
      first = i;
      bytes = 0;
    }
    bytes += tensors[i].bytes();
  }
  files.push_back(tensors.subspan(first));
  return files;
}

void remove_earlier(const fs::path& folder) {
  std::vector<fs::path> earlier;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name == "model.safetensors.index.json" || name == "model.safetensors" ||
        (name.starts_with("model-") && name.ends_with(".safetensors"))) {
      earlier.push_back(entry.path());
    }
  }
  for (const fs::path& path : earlier) {
    fs::remove(path, error);
  }
}

}  // namespace

std::int64_t OutputTensor::numel() const noexcept {
  std::int64_t numel = 1;
  for (const std::int64_t length : shape) {
    numel *= length;
  }
  return numel;
}

void stream_safetensors(const fs::path& path, std::span<const OutputTensor> tensors, const std::map<std::string, std::string>& metadata) {
  std::vector<io::TensorView> views;
  for (const OutputTensor& tensor : tensors) {
    views.push_back({.name = tensor.name, .dtype = tensor.dtype, .shape = tensor.shape, .data = nullptr, .bytes = tensor.bytes()});
  }
  AtomicFile file(path);
  file.write(io::safetensors_header(views, metadata));
  std::vector<std::byte> buffer;
  for (const OutputTensor& tensor : tensors) {
    for_each_piece(tensor, buffer, [&](const std::byte* bytes, std::size_t count) { file.write(bytes, count); });
  }
  file.commit();
}

std::vector<fs::path> stream_shards(const fs::path& folder, std::span<const OutputTensor> tensors, std::uint64_t max_bytes,
                                    const std::map<std::string, std::string>& metadata) {
  remove_earlier(folder);
  const auto files = cut_into_files(tensors, max_bytes);
  std::vector<fs::path> paths;
  io::Value map = io::Value::map();
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string name = files.size() == 1 ? "model.safetensors" : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, files.size());
    paths.push_back(folder / name);
    stream_safetensors(paths.back(), files[i], metadata);
    for (const OutputTensor& tensor : files[i]) {
      map.set(tensor.name, name);
      total += tensor.bytes();
    }
  }
  if (files.size() > 1) {
    paths.push_back(folder / "model.safetensors.index.json");
    write_file_atomically(
        paths.back(),
        io::to_json(io::Value::map({{"metadata", io::Value::map({{"total_size", total}})}, {"weight_map", std::move(map)}})) + "\n");
  }
  return paths;
}

void stream_torch(const fs::path& path, std::span<const OutputTensor> tensors) {
  std::vector<io::TorchTensorHeader> headers;
  for (const OutputTensor& tensor : tensors) {
    headers.push_back({.name = tensor.name, .dtype = tensor.dtype, .shape = tensor.shape});
  }
  io::TorchFileWriter file(path, std::move(headers));
  std::vector<std::byte> buffer;
  for (const OutputTensor& tensor : tensors) {
    for_each_piece(tensor, buffer, [&](const std::byte* bytes, std::size_t count) { file.write(bytes, count); });
  }
  file.commit();
}

}  // namespace muster::weights
