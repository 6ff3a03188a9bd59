// safetensors files: u64 header length, JSON header {name: {dtype, shape, data_offsets}}, then the tensors' bytes.
// Read back by Python's `safetensors` package. Format: https://github.com/huggingface/safetensors (README, "Format").
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/scalar_type.hpp"
#include "io/input_file.hpp"

namespace muster::io {

// A tensor to write: dense, row-major, little-endian. The bytes stay the caller's.
struct TensorView {
  std::string name;
  ScalarType dtype = ScalarType::kF32;
  std::vector<std::int64_t> shape;  // empty = a scalar
  const std::byte* data = nullptr;
  std::size_t bytes = 0;
};

// Atomic. Tensors lie in the given order without gaps; the header is padded with spaces so that the data starts at a
// multiple of 64. Throws InvariantError for equal names or bytes that do not match the shape, OutputError from the disk.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                       const std::map<std::string, std::string>& metadata = {});

// What stands in front of the tensors' data: the length word and the padded JSON. For writers that stream the data themselves;
// of each tensor's data only the count of bytes is looked at.
std::string safetensors_header(std::span<const TensorView> tensors, const std::map<std::string, std::string>& metadata = {});

struct TensorInfo {
  std::string name;
  ScalarType dtype = ScalarType::kF32;
  std::vector<std::int64_t> shape;
  std::uint64_t offset = 0;  // of the first byte, from the start of the file
  std::uint64_t bytes = 0;

  std::int64_t numel() const noexcept;
};

// An open file whose header has been checked strictly: the tensors tile the data without gap or overlap, every size agrees
// with its dtype and shape. Throws DataError, naming the file, the tensor and a remedy, for whatever is malformed. The header
// may have 16 MiB (some 100,000 tensors). Reads are safe from any thread.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::vector<TensorInfo>& tensors() const noexcept { return tensors_; }  // in the order of their data
  std::vector<std::string> names() const;
  bool contains(std::string_view name) const;
  const TensorInfo& info(std::string_view name) const;  // DataError, with the nearest name, when it is not there
  // Copies info(name).bytes bytes to `destination`.
  void read(std::string_view name, void* destination) const;
  // Copies `count` bytes of the tensor from its byte `begin` on. InvariantError for a range outside the tensor.
  void read_bytes(const TensorInfo& tensor, std::uint64_t begin, std::uint64_t count, void* destination) const;
  const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }
  const std::filesystem::path& path() const noexcept { return file_.path(); }

 private:
  InputFile file_;
  std::vector<TensorInfo> tensors_;
  std::unordered_map<std::string, std::size_t> index_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace muster::io
