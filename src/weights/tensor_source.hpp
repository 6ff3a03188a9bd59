// One way to read the tensors of every kind of weight file: safetensors (one file, or several with an index), torch zips, and
// Hugging Face folders. It knows no model; what the names mean is the business of weights/form.hpp.
//
//   const TensorSource source = TensorSource::open("dinov2_vits14_reg4_pretrain.pth");
//   const StoredTensor& table = *source.find("pos_embed");
//   source.read(table, 384, 768, ScalarType::kBF16, row);  // elements 384..767 as bf16: 1.5 KB are read from the disk
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/scalar_type.hpp"
#include "io/value.hpp"

namespace muster::weights {

struct StoredTensor {
  std::string name;
  ScalarType dtype = ScalarType::kF32;
  std::vector<std::int64_t> shape;  // empty = a scalar

  // Where it is kept, for TensorSource alone: which of its files, and which tensor of that file.
  std::size_t file = 0;
  std::size_t item = 0;

  std::int64_t numel() const noexcept;
  std::uint64_t bytes() const noexcept { return static_cast<std::uint64_t>(numel()) * scalar_bytes(dtype); }
};

// An open source. Copies share the open files, and pointers to its tensors live as long as any copy. Everything is const and
// safe from any thread; reads are by pread, so many threads may read at once.
class TensorSource {
 public:
  // `path` is a file, recognised by its content and not by its name, or a folder with model.safetensors,
  // model.safetensors.index.json or pytorch_model.bin. DataError names the file, the tensor and the remedy.
  static TensorSource open(const std::filesystem::path& path);

  const std::filesystem::path& path() const noexcept;         // as it was given to open()
  std::vector<std::filesystem::path> files() const;           // those that hold tensors
  std::string_view format() const noexcept;                   // "safetensors" | "torch"
  const std::vector<StoredTensor>& tensors() const noexcept;  // in the order of the files
  const StoredTensor* find(std::string_view name) const;      // nullptr when it is not there
  const StoredTensor& at(std::string_view name) const;        // DataError with the nearest name when it is not there

  const std::map<std::string, std::string>& metadata() const noexcept;  // of safetensors; of several files the first that has a key counts
  const io::Value& values() const noexcept;                             // of torch: the tree without its tensors; else null
  const io::Value& config() const noexcept;                             // config.json in the same folder; else null

  // Row-major elements [begin, end) of the tensor as `to`. F32, F64, BF16 and F16 are cast to each other on the way, rounded to
  // nearest, ties to even; other types are only copied as they are (DataError for a cast). Only these bytes are read from the
  // disk, directly into `destination` when there is nothing to cast; otherwise 1 MiB of memory is used beside it.
  void read(const StoredTensor& tensor, std::int64_t begin, std::int64_t end, ScalarType to, void* destination) const;

  // XXH3-128 hex of every tensor's name, type, shape and bytes, in the order of the names: the same for the same tensors in
  // another container. Reads everything, streaming.
  std::string hash() const;
  // Of names, types, shapes and the sizes of the files: cheap, and different for most files that differ.
  std::string table_hash() const;

 private:
  struct State;
  explicit TensorSource(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace muster::weights
