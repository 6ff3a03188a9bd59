// Writes what torch.load(weights_only=True) reads: a dict of tensors as a zip of stored entries, each at a multiple of 64 bytes,
// with a pickle that describes them. Format: torch/serialization.py and caffe2/serialize/inline_container.h of PyTorch; the zip's
// headers by PKWARE APPNOTE.TXT 6.3.10, with zip64 fields where offsets or sizes exceed 32 bits.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/atomic_file.hpp"
#include "core/scalar_type.hpp"

namespace muster::io {

struct TorchTensorHeader {
  std::string name;
  ScalarType dtype = ScalarType::kF32;
  std::vector<std::int64_t> shape;  // empty = a scalar

  std::uint64_t bytes() const noexcept;
};

// All tensors are named first, then their bytes follow in that order, in pieces of any size; so nothing is held in memory.
// The file has its name after commit() alone. OutputError from the disk.
class TorchFileWriter {
 public:
  // InvariantError for a name used twice.
  TorchFileWriter(const std::filesystem::path& path, std::vector<TorchTensorHeader> tensors);

  // The next bytes, row-major and little-endian, of the tensor that is not complete yet. InvariantError past its end.
  void write(const void* bytes, std::size_t count);
  // InvariantError when bytes are missing.
  void commit();

 private:
  struct Entry {
    std::string name;
    std::uint64_t offset = 0, bytes = 0;  // of the local header; of the data
    std::uint32_t crc32 = 0;
  };

  void begin_entry(std::string name, std::uint64_t bytes);
  void write_entry(std::string name, std::string_view data);
  void write_data(std::string_view data);  // of the current entry, within its size
  void append(std::string_view bytes);
  void append_directory();
  void open_next();  // entries of tensors without elements are complete at once

  AtomicFile file_;
  std::uint64_t position_ = 0;
  std::vector<TorchTensorHeader> tensors_;
  std::vector<Entry> entries_;
  std::size_t next_ = 0;       // tensors begun
  std::uint64_t missing_ = 0;  // bytes of the last one
};

// The pickle of such a file: {name: tensor}, storage i in entry data/i.
std::string torch_pickle(std::span<const TorchTensorHeader> tensors);

}  // namespace muster::io
