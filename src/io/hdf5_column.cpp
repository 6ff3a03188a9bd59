#include "io/hdf5.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>
#include <type_traits>

#include "io/hdf5_check.hpp"

namespace muster::io {
namespace {

// A stored byte of a chunked, compressed column can stand for about this many; without filters it is one for one.
constexpr std::uint64_t kMaxInflation = 1100;

template <H5Number T>
hid_t stored_type() {
  if constexpr (std::same_as<T, std::uint8_t>) {
    return H5T_STD_U8LE;
  } else if constexpr (std::same_as<T, std::uint16_t>) {
    return H5T_STD_U16LE;
  } else if constexpr (std::same_as<T, std::uint32_t>) {
    return H5T_STD_U32LE;
  } else if constexpr (std::same_as<T, std::uint64_t>) {
    return H5T_STD_U64LE;
  } else {
    return H5T_STD_I32LE;
  }
}

// A contiguous dataset, allocated at once and never filled with a value of HDF5's own.
H5Dataset create_dataset(hid_t parent, const char* name, hid_t type, std::span<const hsize_t> shape) {
  const std::string what = hdf5_place(parent, name) + ": cannot create the dataset";
  const H5PropertyList creation(check_hdf5<OutputError>(H5Pcreate(H5P_DATASET_CREATE), what));
  check_hdf5<OutputError>(H5Pset_layout(creation.get(), H5D_CONTIGUOUS), what);
  check_hdf5<OutputError>(H5Pset_alloc_time(creation.get(), H5D_ALLOC_TIME_EARLY), what);
  check_hdf5<OutputError>(H5Pset_fill_time(creation.get(), H5D_FILL_TIME_NEVER), what);
  check_hdf5<OutputError>(H5Pset_obj_track_times(creation.get(), false), what);
  const H5Space space(check_hdf5<OutputError>(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), what));
  return H5Dataset(check_hdf5<OutputError>(H5Dcreate2(parent, name, type, space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT), what));
}

// `type` is the type in memory and in the file: the host is little-endian.
void write_dataset(hid_t parent, const char* name, hid_t type, std::span<const hsize_t> shape, const void* values) {
  H5Dataset dataset = create_dataset(parent, name, type, shape);
  const hsize_t count = std::accumulate(shape.begin(), shape.end(), hsize_t{1}, std::multiplies<>());
  const std::string what = hdf5_place(parent, name) + ": cannot write";
  if (count > 0) {
    check_hdf5<OutputError>(H5Dwrite(dataset.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), what);
  }
  check_hdf5<OutputError>(H5Dclose(dataset.release()), what);  // small columns are written only now
}

H5Dataset open_dataset(hid_t parent, const char* name) {
  return H5Dataset(check_hdf5<DataError>(H5Dopen2(parent, name, H5P_DEFAULT), hdf5_place(parent, name) + ": cannot open the dataset"));
}

std::vector<hsize_t> shape_of(const H5Dataset& dataset) {
  const std::string what = hdf5_place(dataset.get()) + ": cannot read the shape";
  const H5Space space(check_hdf5<DataError>(H5Dget_space(dataset.get()), what));
  const int rank = check_hdf5<DataError>(H5Sget_simple_extent_ndims(space.get()), what);
  std::vector<hsize_t> shape(static_cast<std::size_t>(rank));
  check_hdf5<DataError>(H5Sget_simple_extent_dims(space.get(), shape.data(), nullptr), what);
  return shape;
}

// Number of elements, refused where a damaged header claims more than the file can hold.
std::size_t checked_count(const H5Dataset& dataset, std::span<const hsize_t> shape, std::size_t element_bytes) {
  hsize_t file_bytes = 0;
  const H5File file(check_hdf5<DataError>(H5Iget_file_id(dataset.get()), hdf5_place(dataset.get())));
  check_hdf5<DataError>(H5Fget_filesize(file.get(), &file_bytes), hdf5_place(dataset.get()));
  hsize_t count = 1;
  for (const hsize_t length : shape) {
    if (length > 0 && count > file_bytes * kMaxInflation / element_bytes / length) {
      throw DataError("{}: {} elements cannot lie in a file of {} bytes; the file is damaged", hdf5_place(dataset.get()),
                      fmt::join(shape, " x "), file_bytes);
    }
    count *= length;
  }
  return count;
}

void check_rank(const H5Dataset& dataset, std::span<const hsize_t> shape, std::size_t rank) {
  if (shape.size() != rank) {
    throw DataError("{}: {} dimensions, {} wanted", hdf5_place(dataset.get()), shape.size(), rank);
  }
}

// The stored type as this machine holds it. Throws unless it is an integer, or an enum over one, of T's width and sign.
template <H5Number T>
H5Type checked_native_type(const H5Dataset& dataset) {
  const std::string what = hdf5_place(dataset.get()) + ": cannot read the type";
  const H5Type stored(check_hdf5<DataError>(H5Dget_type(dataset.get()), what));
  const H5T_class_t kind = H5Tget_class(stored.get());
  bool fits = (kind == H5T_INTEGER || kind == H5T_ENUM) && H5Tget_size(stored.get()) == sizeof(T);
  if (fits) {
    const H5Type base(kind == H5T_ENUM ? check_hdf5<DataError>(H5Tget_super(stored.get()), what)
                                       : check_hdf5<DataError>(H5Tcopy(stored.get()), what));
    fits = (H5Tget_sign(base.get()) == H5T_SGN_2) == std::is_signed_v<T>;
  }
  if (!fits) {
    throw DataError("{}: values are not {}-bit {} integers", hdf5_place(dataset.get()), 8 * sizeof(T),
                    std::is_signed_v<T> ? "signed" : "unsigned");
  }
  return H5Type(check_hdf5<DataError>(H5Tget_native_type(stored.get(), H5T_DIR_ASCEND), what));
}

template <H5Number T>
std::vector<T> read_numbers(const H5Dataset& dataset, std::span<const hsize_t> shape) {
  const H5Type type = checked_native_type<T>(dataset);
  std::vector<T> values(checked_count(dataset, shape, sizeof(T)));
  if (!values.empty()) {
    check_hdf5<DataError>(H5Dread(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()),
                          hdf5_place(dataset.get()) + ": cannot read");
  }
  return values;
}

// Elements of `width` bytes where the file has them. DataError where it has them in pieces or coded.
H5Extent extent_of(const H5Dataset& dataset, std::uint64_t count, std::uint64_t width) {
  if (count == 0) {
    return {.address = 0, .count = 0, .width = width};
  }
  const haddr_t address = H5Dget_offset(dataset.get());
  if (address == HADDR_UNDEF) {
    throw DataError("{}: not a contiguous column with an address of its own (chunked, or never allocated)", hdf5_place(dataset.get()));
  }
  return {.address = address, .count = count, .width = width};
}

template <H5Number T>
void check_little_endian(const H5Dataset& dataset) {
  checked_native_type<T>(dataset);
  const H5Type stored(check_hdf5<DataError>(H5Dget_type(dataset.get()), hdf5_place(dataset.get())));
  if (sizeof(T) > 1 && H5Tget_order(stored.get()) != H5T_ORDER_LE) {
    throw DataError("{}: values are not stored little-endian", hdf5_place(dataset.get()));
  }
}

}  // namespace

template <H5Number T>
void write_column(hid_t parent, const char* name, std::span<const T> values) {
  const QuietHdf5 quiet;
  const hsize_t shape[] = {values.size()};
  write_dataset(parent, name, stored_type<T>(), shape, values.data());
}

template <H5Number T>
void write_table(hid_t parent, const char* name, std::span<const T> values, std::size_t width) {
  check(width > 0 && values.size() % width == 0, "write_table {}: {} values, width {}", name, values.size(), width);
  const QuietHdf5 quiet;
  const hsize_t shape[] = {values.size() / width, width};
  write_dataset(parent, name, stored_type<T>(), shape, values.data());
}

template <H5Number T>
std::vector<T> read_column(hid_t parent, const char* name) {
  const QuietHdf5 quiet;
  const H5Dataset dataset = open_dataset(parent, name);
  const std::vector<hsize_t> shape = shape_of(dataset);
  check_rank(dataset, shape, 1);
  return read_numbers<T>(dataset, shape);
}

template <H5Number T>
std::vector<T> read_table(hid_t parent, const char* name, std::size_t width) {
  const QuietHdf5 quiet;
  const H5Dataset dataset = open_dataset(parent, name);
  const std::vector<hsize_t> shape = shape_of(dataset);
  check_rank(dataset, shape, 2);
  if (shape[1] != width) {
    throw DataError("{}: rows of {} values, {} wanted", hdf5_place(dataset.get()), shape[1], width);
  }
  return read_numbers<T>(dataset, shape);
}

template <H5Number T>
H5Extent find_column(hid_t parent, const char* name) {
  const QuietHdf5 quiet;
  const H5Dataset dataset = open_dataset(parent, name);
  const std::vector<hsize_t> shape = shape_of(dataset);
  check_rank(dataset, shape, 1);
  check_little_endian<T>(dataset);
  return extent_of(dataset, shape[0], sizeof(T));
}

template <H5Number T>
H5Extent find_table(hid_t parent, const char* name, std::size_t width) {
  const QuietHdf5 quiet;
  const H5Dataset dataset = open_dataset(parent, name);
  const std::vector<hsize_t> shape = shape_of(dataset);
  check_rank(dataset, shape, 2);
  if (shape[1] != width) {
    throw DataError("{}: rows of {} values, {} wanted", hdf5_place(dataset.get()), shape[1], width);
  }
  check_little_endian<T>(dataset);
  return extent_of(dataset, shape[0], width * sizeof(T));
}

#define MUSTER_INSTANTIATE(T)                                                        \
  template void write_column<T>(hid_t, const char*, std::span<const T>);             \
  template void write_table<T>(hid_t, const char*, std::span<const T>, std::size_t); \
  template std::vector<T> read_column<T>(hid_t, const char*);                        \
  template H5Extent find_column<T>(hid_t, const char*);                              \
  template H5Extent find_table<T>(hid_t, const char*, std::size_t);                  \
  template std::vector<T> read_table<T>(hid_t, const char*, std::size_t)
MUSTER_INSTANTIATE(std::uint8_t);
MUSTER_INSTANTIATE(std::uint16_t);
MUSTER_INSTANTIATE(std::uint32_t);
MUSTER_INSTANTIATE(std::uint64_t);
MUSTER_INSTANTIATE(std::int32_t);
#undef MUSTER_INSTANTIATE

void write_enum_column(hid_t parent, const char* name, std::span<const std::uint8_t> values, std::span<const H5EnumName> names) {
  const QuietHdf5 quiet;
  const std::string what = hdf5_place(parent, name) + ": cannot create the enum type";
  const H5Type type(check_hdf5<OutputError>(H5Tenum_create(H5T_STD_U8LE), what));
  for (const H5EnumName& entry : names) {
    check_hdf5<OutputError>(H5Tenum_insert(type.get(), entry.name, &entry.value), what);
  }
  const hsize_t shape[] = {values.size()};
  write_dataset(parent, name, type.get(), shape, values.data());
}

void write_string_column(hid_t parent, const char* name, std::span<const std::string> values) {
  const QuietHdf5 quiet;
  std::size_t width = 1;
  for (const std::string& value : values) {
    check(value.find('\0') == std::string::npos, "{}: a string with a null byte cannot be null-padded", name);
    width = std::max(width, value.size());
  }
  std::vector<char> padded(width * values.size(), '\0');
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::memcpy(padded.data() + i * width, values[i].data(), values[i].size());
  }
  const std::string what = hdf5_place(parent, name) + ": cannot create the string type";
  const H5Type type(check_hdf5<OutputError>(H5Tcopy(H5T_C_S1), what));
  check_hdf5<OutputError>(H5Tset_size(type.get(), width), what);
  check_hdf5<OutputError>(H5Tset_strpad(type.get(), H5T_STR_NULLPAD), what);
  check_hdf5<OutputError>(H5Tset_cset(type.get(), H5T_CSET_UTF8), what);
  const hsize_t shape[] = {values.size()};
  write_dataset(parent, name, type.get(), shape, padded.data());
}

namespace {

H5Type fixed_string_type(const H5Dataset& dataset) {
  const std::string place = hdf5_place(dataset.get());
  H5Type type(check_hdf5<DataError>(H5Dget_type(dataset.get()), place));
  if (H5Tget_class(type.get()) != H5T_STRING || H5Tis_variable_str(type.get()) != 0) {
    throw DataError("{}: not a column of fixed-length strings", place);
  }
  return type;
}

}  // namespace

H5Extent find_string_column(hid_t parent, const char* name) {
  const QuietHdf5 quiet;
  const H5Dataset dataset = open_dataset(parent, name);
  const std::vector<hsize_t> shape = shape_of(dataset);
  check_rank(dataset, shape, 1);
  return extent_of(dataset, shape[0], H5Tget_size(fixed_string_type(dataset).get()));
}

std::vector<std::string> read_string_column(hid_t parent, const char* name) {
  const QuietHdf5 quiet;
  const H5Dataset dataset = open_dataset(parent, name);
  const std::vector<hsize_t> shape = shape_of(dataset);
  check_rank(dataset, shape, 1);
  const std::string place = hdf5_place(dataset.get());
  const H5Type type = fixed_string_type(dataset);
  const std::size_t width = H5Tget_size(type.get());
  std::vector<char> padded(checked_count(dataset, shape, width) * width);
  if (!padded.empty()) {
    check_hdf5<DataError>(H5Dread(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, padded.data()), place + ": cannot read");
  }
  std::vector<std::string> values(shape[0]);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i].assign(padded.data() + i * width, strnlen(padded.data() + i * width, width));
  }
  return values;
}

std::vector<std::uint64_t> dataset_shape(hid_t parent, const char* name) {
  const QuietHdf5 quiet;
  const std::vector<hsize_t> shape = shape_of(open_dataset(parent, name));
  return {shape.begin(), shape.end()};
}

std::uint64_t create_byte_block(hid_t parent, const char* name, std::uint64_t bytes) {
  check(bytes > 0, "{}: a block of no bytes has no address", name);
  const QuietHdf5 quiet;
  const hsize_t shape[] = {bytes};
  const H5Dataset dataset = create_dataset(parent, name, H5T_STD_U8LE, shape);
  const haddr_t address = H5Dget_offset(dataset.get());
  if (address == HADDR_UNDEF) {
    throw OutputError("{}: HDF5 gave the block no address: {}", hdf5_place(parent, name), take_hdf5_stack());
  }
  return address;
}

H5ByteBlock find_byte_block(hid_t parent, const char* name) {
  const QuietHdf5 quiet;
  const H5Dataset dataset = open_dataset(parent, name);
  const std::vector<hsize_t> shape = shape_of(dataset);
  check_rank(dataset, shape, 1);
  checked_native_type<std::uint8_t>(dataset);
  const haddr_t address = H5Dget_offset(dataset.get());
  if (address == HADDR_UNDEF) {
    throw DataError("{}: not a contiguous block with an address of its own (chunked, or never allocated)", hdf5_place(dataset.get()));
  }
  return {.address = address, .bytes = shape[0]};
}

}  // namespace muster::io
