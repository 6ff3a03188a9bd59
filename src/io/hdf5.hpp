// A thin, checked layer over HDF5's C API: handles, typed columns, attributes, and one big block of bytes whose address in
// the file is known, so that it can be read with pread.
//
// Every failure carries HDF5's own error stack: OutputError from functions that create or write, DataError from those that
// open or read. Files written here depend on their content alone: no times are stored, and everything lies contiguous.
// Threads: HDF5 may be built without locks, so all calls of a process go through one caller at a time.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <hdf5.h>

#include "core/unique_handle.hpp"

namespace muster::io {

void log_failed_close(const char* function, hid_t id) noexcept;

template <herr_t (*kClose)(hid_t)>
struct H5Traits {
  using type = hid_t;
  static type none() noexcept { return H5I_INVALID_HID; }
  static void close(type id) noexcept {
    if (kClose(id) < 0) {
      log_failed_close("close", id);
    }
  }
};
using H5File = UniqueHandle<H5Traits<H5Fclose>>;
using H5Group = UniqueHandle<H5Traits<H5Gclose>>;
using H5Dataset = UniqueHandle<H5Traits<H5Dclose>>;
using H5Attribute = UniqueHandle<H5Traits<H5Aclose>>;
using H5Space = UniqueHandle<H5Traits<H5Sclose>>;
using H5Type = UniqueHandle<H5Traits<H5Tclose>>;
using H5PropertyList = UniqueHandle<H5Traits<H5Pclose>>;

// Element types of columns and tables.
template <class T>
concept H5Number = std::same_as<T, std::uint8_t> || std::same_as<T, std::uint16_t> || std::same_as<T, std::uint32_t> ||
    std::same_as<T, std::uint64_t> || std::same_as<T, std::int32_t>;

struct H5EnumName {
  const char* name;
  std::uint8_t value;
};

// --- files and groups ---------------------------------------------------------------------------------------------------
// Without file locks. Bounds V18..V18 (readable by anything since 2008, no "open for write" flag), no user block, no times, objects of 1 MiB and
// more on a 4096-byte boundary. Replaces what is there. `expected_bytes`: about how large the file will get; OutputError at once
// when that does not fit the disk, because HDF5 itself recovers badly from a write that fails.
H5File create_h5_file(const std::filesystem::path& path, std::uint64_t expected_bytes = 0);
// Read-only, without file locks (they fail on some network file systems).
H5File open_h5_file(const std::filesystem::path& path);
// Closes and reports what a destructor could only log.
void close_h5_file(H5File& file);
H5Group create_group(hid_t parent, const char* name);
H5Group open_group(hid_t parent, const char* name);
bool has_link(hid_t parent, const char* name);  // one level, no path

// --- columns [N] and tables [N, width], contiguous, little-endian ---------------------------------------------------------
template <H5Number T>
void write_column(hid_t parent, const char* name, std::span<const T> values);
template <H5Number T>
void write_table(hid_t parent, const char* name, std::span<const T> values, std::size_t width);  // row-major
void write_enum_column(hid_t parent, const char* name, std::span<const std::uint8_t> values, std::span<const H5EnumName> names);
// Fixed-length UTF-8, null-padded to the longest (at least 1 byte). InvariantError for a string that contains a null byte.
void write_string_column(hid_t parent, const char* name, std::span<const std::string> values);

// Any stored integer or enum type whose values are of T's width and sign; another type or rank is a DataError.
template <H5Number T>
std::vector<T> read_column(hid_t parent, const char* name);
template <H5Number T>
std::vector<T> read_table(hid_t parent, const char* name, std::size_t width);
std::vector<std::string> read_string_column(hid_t parent, const char* name);
// Lengths of all dimensions.
std::vector<std::uint64_t> dataset_shape(hid_t parent, const char* name);

// Where the elements of a column lie in the file, one behind the other: for those who map the file.
struct H5Extent {
  std::uint64_t address = 0;  // from the start of the file, no multiple of anything; 0 for no elements
  std::uint64_t count = 0;    // elements; of a table, rows
  std::uint64_t width = 0;    // bytes of each
};
// Types as for read_column() and read_table(), stored little-endian. DataError for another type or rank, and for a column that is not
// contiguous. The extent may point past the end of a truncated file.
template <H5Number T>
H5Extent find_column(hid_t parent, const char* name);
template <H5Number T>
H5Extent find_table(hid_t parent, const char* name, std::size_t width);
H5Extent find_string_column(hid_t parent, const char* name);

// --- attributes ---------------------------------------------------------------------------------------------------------
void write_attribute(hid_t object, const char* name, std::string_view text);
void write_attribute(hid_t object, const char* name, std::uint64_t value);
void write_attribute(hid_t object, const char* name, std::int32_t value);
void write_attribute(hid_t object, const char* name, std::array<std::uint32_t, 2> value);
std::string read_string_attribute(hid_t object, const char* name);
std::uint64_t read_u64_attribute(hid_t object, const char* name);
std::int32_t read_i32_attribute(hid_t object, const char* name);
std::array<std::uint32_t, 2> read_u32x2_attribute(hid_t object, const char* name);
bool has_attribute(hid_t object, const char* name);

// --- the block of bytes -------------------------------------------------------------------------------------------------
// A u8 dataset of `bytes` > 0 bytes, allocated at once and never filled. Returns its address in the file: the caller writes the
// bytes there itself, after close_h5_file().
std::uint64_t create_byte_block(hid_t parent, const char* name, std::uint64_t bytes);

struct H5ByteBlock {
  std::uint64_t address = 0;  // from the start of the file
  std::uint64_t bytes = 0;
};
// DataError when the dataset is not u8, not contiguous, or not allocated.
H5ByteBlock find_byte_block(hid_t parent, const char* name);

}  // namespace muster::io
