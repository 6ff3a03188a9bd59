// Files of `torch.save` (.pth, .pt, .ckpt, pytorch_model.bin), read without Python: a zip of stored entries, in it a pickle that
// describes a tree of dicts, and one entry of raw bytes per storage.
//
// The pickle is run by a machine that knows dict, list, tuple, None, bool, numbers, strings, OrderedDict, tensors and
// parameters, and nothing else (io/pickle.hpp): opening a file never runs what its author wrote.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/scalar_type.hpp"
#include "io/input_file.hpp"
#include "io/value.hpp"

namespace muster::io {

// A tensor as it lies in the file. Tensors may share a storage and may overlap.
struct TorchTensor {
  std::string name;  // the keys of the dicts on the way, joined by '/'; items of lists and tuples by their number
  ScalarType dtype = ScalarType::kF32;
  std::vector<std::int64_t> shape;    // empty = a scalar
  std::vector<std::int64_t> strides;  // in elements, at least 0; one for each dimension
  std::uint64_t offset = 0;           // of the first element, in bytes from the start of the file

  std::int64_t numel() const noexcept;
  bool is_dense() const noexcept;  // row-major without gaps, so that its elements are one range of the file
};

// An open file that has been checked: every storage has an entry of its size, every element of every tensor lies within its
// storage. Throws DataError, naming the file, the tensor and a remedy, for whatever is malformed, for every opcode and global
// that is not on the list (by name), for the form older than the zip and for TorchScript. Reads are safe from any thread.
class TorchFile {
 public:
  explicit TorchFile(const std::filesystem::path& path);

  // "cls_token" in a flat state dict, "train_model/model.backbone.cls_token" in a nested one; in the order of the pickle.
  const std::vector<TorchTensor>& tensors() const noexcept { return tensors_; }
  const TorchTensor* find(std::string_view name) const;  // nullptr when it is not there

  // The same tree without its tensors: they are left out of maps, and null in lists. Tuples are lists; whole numbers as keys
  // are written in decimal, since maps of a Value have strings as keys.
  const Value& values() const noexcept { return values_; }

  // Copies elements [begin, end) of the tensor in row-major order, whatever its strides, in the file's own type.
  // InvariantError for a range outside the tensor.
  void read(const TorchTensor& tensor, std::int64_t begin, std::int64_t end, void* destination) const;

  const std::filesystem::path& path() const noexcept { return file_.path(); }

 private:
  InputFile file_;
  std::vector<TorchTensor> tensors_;
  std::unordered_map<std::string, std::size_t> index_;
  Value values_;
};

}  // namespace muster::io
