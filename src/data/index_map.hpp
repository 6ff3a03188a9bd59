// The joined index of a split, where it lies: index-<split>.h5 mapped read-only, its columns read in place.
//
// HDF5 is asked once where each column lies, and closed; nothing is copied, so ranks of a node share the pages and a rank of its own
// needs a few kilobytes for any number of samples. Names of columns are those of visit_columns().
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/error.hpp"
#include "data/index_columns.hpp"
#include "data/manifest.hpp"
#include "data/shard_file.hpp"
#include "io/mapped_file.hpp"

namespace muster::data {

// Elements as they lie in a file, at any address. Empty where the file has no such column. Cheap to copy; any thread.
template <class T>
class MappedColumn {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  MappedColumn() = default;
  MappedColumn(const std::byte* begin, std::size_t size) noexcept : begin_(begin), size_(size) {}

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  T operator[](std::size_t i) const noexcept {
    T value;
    std::memcpy(&value, begin_ + i * sizeof(T), sizeof(T));
    return value;
  }

 private:
  const std::byte* begin_ = nullptr;
  std::size_t size_ = 0;
};

// Strings of a fixed width, padded with zero bytes.
class MappedStrings {
 public:
  MappedStrings() = default;
  MappedStrings(const std::byte* begin, std::size_t size, std::size_t width) noexcept : begin_(begin), size_(size), width_(width) {}

  std::size_t size() const noexcept { return size_; }
  std::string_view operator[](std::size_t i) const noexcept {
    const char* text = reinterpret_cast<const char*>(begin_ + i * width_);
    return {text, ::strnlen(text, width_)};
  }

 private:
  const std::byte* begin_ = nullptr;
  std::size_t size_ = 0;
  std::size_t width_ = 0;
};

// How much of an index is looked at when it is opened. On each node one rank reads the whole of it, for all that share the pages.
enum class IndexCheck {
  kWhole,   // its XXH3-128, that pointers ascend, that every sample is in the shard that the manifest says
  kLayout,  // bytes of the file, attributes, and that all columns fit together and into the file
};

// Any thread may read.
class IndexMap {
 public:
  // DataError naming the file when it is missing, damaged, or not the index that the manifest's `wanted` describes.
  IndexMap(const std::filesystem::path& folder, const std::string& split, const ManifestSplit& wanted, IndexCheck check);

  std::size_t size() const noexcept { return keys_.size(); }
  const FileHead& head() const noexcept { return head_; }
  const MappedStrings& keys() const noexcept { return keys_; }

  // "index/image_offset", "segments/bbox", ... Empty when the split's task has no such column. InvariantError for a name that is none, or
  // another type than in IndexColumns.
  template <class T>
  MappedColumn<T> column(std::string_view name) const {
    const ColumnPlace& place = find(name);
    check(place.count == 0 || place.width == sizeof(T), "IndexMap: {} has elements of {} bytes, not {}", name, place.width, sizeof(T));
    return {begin(place), place.count};
  }

  // DataError when the file has become shorter than it was: call it before reading rows.
  void check_length() const { file_.check_length(); }

 private:
  const ColumnPlace& find(std::string_view name) const;
  const std::byte* begin(const ColumnPlace& place) const noexcept { return file_.bytes().data() + place.address; }
  void check_places() const;
  void check_pointers() const;
  void check_shards(const ManifestSplit& wanted) const;

  io::MappedFile file_;
  FileHead head_;
  std::vector<ColumnPlace> places_;  // as visit_columns() goes, then "index/shard"
  MappedStrings keys_;
};

}  // namespace muster::data
