#include "io/safetensors.hpp"

#include <set>

#include "core/error.hpp"
#include "io/value.hpp"

namespace muster::io {
namespace {

constexpr std::size_t kDataAlignment = 64;  // bytes

Value shape_value(const std::vector<std::int64_t>& shape) {
  Value list = Value::list();
  for (const std::int64_t length : shape) {
    list.push_back(length);
  }
  return list;
}

std::string json_header(std::span<const TensorView> tensors, const std::map<std::string, std::string>& metadata) {
  Value::Map header;
  if (!metadata.empty()) {
    Value texts = Value::map();
    for (const auto& [key, text] : metadata) {
      texts.set(key, text);
    }
    header.push_back({"__metadata__", std::move(texts)});
  }
  std::set<std::string_view> seen{"__metadata__"};
  std::uint64_t begin = 0;
  for (const TensorView& tensor : tensors) {
    std::uint64_t numel = 1;
    for (const std::int64_t length : tensor.shape) {
      check(length >= 0, "tensor {}: a dimension of {}", tensor.name, length);
      numel *= static_cast<std::uint64_t>(length);
    }
    check(numel * scalar_bytes(tensor.dtype) == tensor.bytes, "tensor {}: {} elements of {}, {} bytes", tensor.name, numel,
          scalar_name(tensor.dtype), tensor.bytes);
    check(seen.insert(tensor.name).second, "tensor name {} is used twice", tensor.name);
    header.push_back({tensor.name, Value::map({{"dtype", scalar_name(tensor.dtype)},
                                               {"shape", shape_value(tensor.shape)},
                                               {"data_offsets", Value(Value::List{begin, begin + tensor.bytes})}})});
    begin += tensor.bytes;
  }
  std::string text = to_json(Value(std::move(header)), -1);
  while ((sizeof(std::uint64_t) + text.size()) % kDataAlignment != 0) {
    text += ' ';
  }
  return text;
}

}  // namespace

std::string safetensors_header(std::span<const TensorView> tensors, const std::map<std::string, std::string>& metadata) {
  const std::string json = json_header(tensors, metadata);
  const std::uint64_t length = json.size();  // little-endian, as the host
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + json;
}

void write_safetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                       const std::map<std::string, std::string>& metadata) {
  const std::string header = safetensors_header(tensors, metadata);
  AtomicFile file(path);
  file.write(header);
  for (const TensorView& tensor : tensors) {
    file.write(tensor.data, tensor.bytes);
  }
  file.commit();
}

}  // namespace muster::io
