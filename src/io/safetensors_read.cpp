#include "io/safetensors.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.hpp"
#include "core/nearest_name.hpp"
#include "io/value.hpp"

namespace muster::io {
namespace {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the limit that the reference implementation sets
constexpr std::string_view kMetadataKey = "__metadata__";

void read_exactly(int fd, void* destination, std::uint64_t bytes, std::uint64_t offset, const std::filesystem::path& path) {
  char* next = static_cast<char*>(destination);
  while (bytes > 0) {
    const ssize_t got = ::pread(fd, next, bytes, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      throw DataError("{}: {} bytes are missing at {}: {}", path.string(), bytes, offset, got < 0 ? errno_text(errno) : "end of file");
    }
    next += got;
    offset += static_cast<std::uint64_t>(got);
    bytes -= static_cast<std::uint64_t>(got);
  }
}

// The JSON header's text; `file_bytes` bounds what its length may say.
std::string read_header(int fd, std::uint64_t file_bytes, const std::filesystem::path& path) {
  std::uint64_t length = 0;
  if (file_bytes < sizeof length) {
    throw DataError("{}: {} bytes are too few for a safetensors file", path.string(), file_bytes);
  }
  read_exactly(fd, &length, sizeof length, 0, path);
  if (length > kMaxHeaderBytes || length > file_bytes - sizeof length) {
    throw DataError("{}: not a safetensors file, or cut short: its header claims {} bytes, the file has {}", path.string(), length,
                    file_bytes);
  }
  std::string text(length, '\0');
  read_exactly(fd, text.data(), length, sizeof length, path);
  if (!text.starts_with('{')) {
    throw DataError("{}: not a safetensors file: its header is no JSON object", path.string());
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
      throw DataError("{}: tensor '{}' of shape [{}] is larger than the file", path.string(), tensor.name, fmt::join(tensor.shape, ", "));
    }
    bytes *= factor;
  }
  return bytes;
}

ScalarType parse_dtype(const TensorInfo& tensor, const std::string& name, const std::filesystem::path& path) {
  try {
    return scalar_from_name(name);
  } catch (const DataError& error) {
    throw DataError("{}: tensor '{}': {}", path.string(), tensor.name, error.what());
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
    throw DataError("{}: tensor '{}' has {} data_offsets, 2 wanted", path.string(), tensor.name, range.size());
  }
  const std::uint64_t begin = range[0].as_uint();
  const std::uint64_t end = range[1].as_uint();
  if (begin > end || end > data_bytes || end - begin != checked_bytes(tensor, data_bytes, path)) {
    throw DataError("{}: tensor '{}' of shape [{}] {} cannot lie in bytes {} to {} of {}", path.string(), tensor.name,
                    fmt::join(tensor.shape, ", "), scalar_name(tensor.dtype), begin, end, data_bytes);
  }
  tensor.offset = begin;
  tensor.bytes = end - begin;
  return tensor;
}

// Tensors must follow each other without gap or overlap and fill the data: whatever else is there was not meant.
void check_tiling(std::span<const TensorInfo> tensors, std::uint64_t data_bytes, const std::filesystem::path& path) {
  std::uint64_t end = 0;
  for (const TensorInfo& tensor : tensors) {
    if (tensor.offset != end) {
      throw DataError("{}: tensor '{}' starts at byte {} of the data, {} wanted; the file is damaged", path.string(), tensor.name,
                      tensor.offset, end);
    }
    end += tensor.bytes;
  }
  if (end != data_bytes) {
    throw DataError("{}: tensors end at byte {} of the data, which has {}; the file is damaged or cut short", path.string(), end,
                    data_bytes);
  }
}

}  // namespace

std::int64_t TensorInfo::numel() const noexcept {
  return static_cast<std::int64_t>(bytes / scalar_bytes(dtype));
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : path_(path), fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  struct stat status {};
  if (!fd_ || ::fstat(fd_.get(), &status) != 0) {
    throw DataError("cannot open {}: {}", path.string(), errno_text(errno));
  }
  const auto file_bytes = static_cast<std::uint64_t>(status.st_size);
  const std::string text = read_header(fd_.get(), file_bytes, path);
  const std::uint64_t data_start = sizeof(std::uint64_t) + text.size();
  try {
    const Value header = parse_json(text, path.string() + " (header)");
    for (const Value::Member& member : header.as_map()) {
      if (member.key == kMetadataKey) {
        for (const Value::Member& entry : member.value.as_map()) {
          metadata_[entry.key] = entry.value.as_string();
        }
      } else {
        tensors_.push_back(parse_tensor(member, file_bytes - data_start, path));
      }
    }
  } catch (const ConfigError& error) {
    throw DataError("{}", error.what());
  }
  std::stable_sort(tensors_.begin(), tensors_.end(), [](const TensorInfo& a, const TensorInfo& b) {
    return std::pair(a.offset, a.offset + a.bytes) < std::pair(b.offset, b.offset + b.bytes);
  });
  check_tiling(tensors_, file_bytes - data_start, path);
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
    throw DataError("{}: no tensor '{}' among {}{}", path_.string(), name, tensors_.size(),
                    nearest ? fmt::format("; the nearest name is '{}'", *nearest) : "");
  }
  return tensors_[found->second];
}

void SafetensorsFile::read(std::string_view name, void* destination) const {
  const TensorInfo& tensor = info(name);
  read_exactly(fd_.get(), destination, tensor.bytes, tensor.offset, path_);
}

}  // namespace muster::io
