#include "io/safetensors.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/ranges.h>

#include "core/error.hpp"
#include "core/nearest_name.hpp"
#include "io/value.hpp"

namespace muster::io {
namespace {

constexpr std::uint64_t kMaxHeaderBytes = 16u << 20;  // as a tree it takes a hundred times this
constexpr std::string_view kMetadataKey = "__metadata__";
constexpr const char* kRemedy = "copy or download the file again, or write it again with the safetensors package";

// The JSON header's text; the size of the file bounds what its length may say.
std::string read_header(const InputFile& file) {
  const std::string path = file.path().string();
  std::uint64_t length = 0;
  if (file.bytes() < sizeof length) {
    throw DataError("{}: {} bytes are too few for a safetensors file; {}", path, file.bytes(), kRemedy);
  }
  file.read(0, sizeof length, &length);  // little-endian, as the host
  if (length > file.bytes() - sizeof length) {
    throw DataError("{}: not a safetensors file, or cut short: its header claims {} bytes, the file has {}; {}", path, length, file.bytes(),
                    kRemedy);
  }
  if (length > kMaxHeaderBytes) {
    throw DataError("{}: not a safetensors file of weights: its header claims {} bytes, at most {} are read; {}", path, length,
                    kMaxHeaderBytes, kRemedy);
  }
  std::string text(length, '\0');
  file.read(sizeof length, length, text.data());
  if (!text.starts_with('{')) {
    throw DataError("{}: not a safetensors file: its header is no JSON object; {}", path, kRemedy);
  }
  return text;
}

// numel * bytes per element, or a DataError when it exceeds `limit` (so the product cannot overflow).
std::uint64_t checked_bytes(const TensorInfo& tensor, std::uint64_t limit, const std::filesystem::path& path) {
  std::uint64_t bytes = scalar_bytes(tensor.dtype);
  const bool empty = std::find(tensor.shape.begin(), tensor.shape.end(), 0) != tensor.shape.end();
  for (const std::int64_t length : tensor.shape) {
    const auto factor = static_cast<std::uint64_t>(length);
    if (!empty && bytes > limit / factor) {
      throw DataError("{}: tensor '{}' of shape [{}] is larger than the file; {}", path.string(), tensor.name,
                      fmt::join(tensor.shape, ", "), kRemedy);
    }
    bytes *= factor;
  }
  return bytes;
}

ScalarType parse_dtype(const TensorInfo& tensor, const std::string& name, const std::filesystem::path& path) {
  try {
    return scalar_from_name(name);
  } catch (const DataError& error) {
    throw DataError("{}: tensor '{}': {}; write it again as one of these", path.string(), tensor.name, error.what());
  }
}

// `data_bytes` = what the file holds after the header. `offset` of the result still counts from there.
TensorInfo parse_tensor(const Value::Member& member, std::uint64_t data_bytes, const std::filesystem::path& path) {
  TensorInfo tensor;
  tensor.name = member.key;
  tensor.dtype = parse_dtype(tensor, member.value.at("dtype").as_string(), path);
  for (const Value& length : member.value.at("shape").as_list()) {
    tensor.shape.push_back(static_cast<std::int64_t>(length.as_uint()));
  }
  const Value::List& range = member.value.at("data_offsets").as_list();
  if (range.size() != 2) {
    throw DataError("{}: tensor '{}' has {} data_offsets, 2 wanted; {}", path.string(), tensor.name, range.size(), kRemedy);
  }
  const std::uint64_t begin = range[0].as_uint();
  const std::uint64_t end = range[1].as_uint();
  if (begin > end || end > data_bytes || end - begin != checked_bytes(tensor, data_bytes, path)) {
    throw DataError("{}: tensor '{}' of shape [{}] {} cannot lie in bytes {} to {} of {}; {}", path.string(), tensor.name,
                    fmt::join(tensor.shape, ", "), scalar_name(tensor.dtype), begin, end, data_bytes, kRemedy);
  }
  tensor.offset = begin;
  tensor.bytes = end - begin;
  return tensor;
}

// Tensors must follow each other without gap or overlap and fill the data: whatever else is there was not meant.
void check_tiling(std::span<const TensorInfo> tensors, std::uint64_t data_bytes, const std::filesystem::path& path) {
  const TensorInfo* before = nullptr;
  std::uint64_t end = 0;
  for (const TensorInfo& tensor : tensors) {
    if (tensor.offset < end) {
      throw DataError("{}: tensor '{}' starts at byte {} of the data, inside '{}', which ends at {}: they overlap; {}", path.string(),
                      tensor.name, tensor.offset, before->name, end, kRemedy);
    }
    if (tensor.offset > end) {
      throw DataError("{}: tensor '{}' starts at byte {} of the data, {} wanted: bytes between belong to no tensor; {}", path.string(),
                      tensor.name, tensor.offset, end, kRemedy);
    }
    end += tensor.bytes;
    before = &tensor;
  }
  if (end != data_bytes) {
    throw DataError("{}: tensors end at byte {} of the data, which has {}; {}", path.string(), end, data_bytes, kRemedy);
  }
}

}  // namespace

std::int64_t TensorInfo::numel() const noexcept {
  return static_cast<std::int64_t>(bytes / scalar_bytes(dtype));
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : file_(path) {
  const std::string text = read_header(file_);
  const std::uint64_t data_start = sizeof(std::uint64_t) + text.size();
  const std::uint64_t data_bytes = file_.bytes() - data_start;
  try {
    const Value header = parse_json(text, path.string() + " (header)");
    for (const Value::Member& member : header.as_map()) {
      if (member.key == kMetadataKey) {
        for (const Value::Member& entry : member.value.as_map()) {
          metadata_[entry.key] = entry.value.as_string();
        }
      } else {
        tensors_.push_back(parse_tensor(member, data_bytes, path));
      }
    }
  } catch (const ConfigError& error) {
    throw DataError("{}; {}", error.what(), kRemedy);
  }
  std::stable_sort(tensors_.begin(), tensors_.end(), [](const TensorInfo& a, const TensorInfo& b) {
    return std::pair(a.offset, a.offset + a.bytes) < std::pair(b.offset, b.offset + b.bytes);
  });
  check_tiling(tensors_, data_bytes, path);
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    tensors_[i].offset += data_start;
    index_[tensors_[i].name] = i;
  }
}

std::vector<std::string> SafetensorsFile::names() const {
  std::vector<std::string> names;
  for (const TensorInfo& tensor : tensors_) {
    names.push_back(tensor.name);
  }
  return names;
}

bool SafetensorsFile::contains(std::string_view name) const {
  return index_.contains(std::string(name));
}

const TensorInfo& SafetensorsFile::info(std::string_view name) const {
  const auto found = index_.find(std::string(name));
  if (found == index_.end()) {
    const std::optional<std::string> nearest = nearest_name(name, names());
    throw DataError("{}: no tensor '{}' among {}{}", path().string(), name, tensors_.size(),
                    nearest ? fmt::format("; the nearest name is '{}'", *nearest) : "");
  }
  return tensors_[found->second];
}

void SafetensorsFile::read(std::string_view name, void* destination) const {
  const TensorInfo& tensor = info(name);
  file_.read(tensor.offset, tensor.bytes, destination);
}

void SafetensorsFile::read_bytes(const TensorInfo& tensor, std::uint64_t begin, std::uint64_t count, void* destination) const {
  check(begin <= tensor.bytes && count <= tensor.bytes - begin, "tensor {}: {} bytes from {} of {}", tensor.name, count, begin,
        tensor.bytes);
  file_.read(tensor.offset + begin, count, destination);
}

}  // namespace muster::io
