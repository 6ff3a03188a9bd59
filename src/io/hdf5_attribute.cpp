#include "io/hdf5.hpp"

#include <algorithm>

#include "io/hdf5_check.hpp"

namespace muster::io {
namespace {

std::string attribute_place(hid_t object, const char* name) {
  return fmt::format("{} attribute '{}'", hdf5_place(object), name);
}

void write_value(hid_t object, const char* name, hid_t type, const H5Space& space, const void* value) {
  const std::string what = attribute_place(object, name) + ": cannot write";
  H5Attribute attribute(check_hdf5<OutputError>(H5Acreate2(object, name, type, space.get(), H5P_DEFAULT, H5P_DEFAULT), what));
  check_hdf5<OutputError>(H5Awrite(attribute.get(), type, value), what);
  check_hdf5<OutputError>(H5Aclose(attribute.release()), what);
}

H5Space scalar_space() {
  return H5Space(check_hdf5<OutputError>(H5Screate(H5S_SCALAR), "creating an HDF5 dataspace"));
}

H5Attribute open_attribute(hid_t object, const char* name) {
  return H5Attribute(check_hdf5<DataError>(H5Aopen(object, name, H5P_DEFAULT), attribute_place(object, name) + ": cannot open"));
}

// `count` integers, stored as exactly `type`.
void read_integers(hid_t object, const char* name, hid_t type, hssize_t count, void* values) {
  const QuietHdf5 quiet;
  const std::string place = attribute_place(object, name);
  const H5Attribute attribute = open_attribute(object, name);
  const H5Type stored(check_hdf5<DataError>(H5Aget_type(attribute.get()), place));
  const H5Space space(check_hdf5<DataError>(H5Aget_space(attribute.get()), place));
  if (H5Tequal(stored.get(), type) <= 0 || H5Sget_simple_extent_npoints(space.get()) != count) {
    throw DataError("{}: not {} integer(s) of {} bytes", place, count, H5Tget_size(type));
  }
  check_hdf5<DataError>(H5Aread(attribute.get(), type, values), place + ": cannot read");
}

}  // namespace

void write_attribute(hid_t object, const char* name, std::string_view text) {
  const QuietHdf5 quiet;
  const std::string what = attribute_place(object, name) + ": cannot create the string type";
  const H5Type type(check_hdf5<OutputError>(H5Tcopy(H5T_C_S1), what));
  check_hdf5<OutputError>(H5Tset_size(type.get(), std::max<std::size_t>(text.size(), 1)), what);
  check_hdf5<OutputError>(H5Tset_strpad(type.get(), H5T_STR_NULLPAD), what);
  check_hdf5<OutputError>(H5Tset_cset(type.get(), H5T_CSET_UTF8), what);
  write_value(object, name, type.get(), scalar_space(), text.empty() ? "" : std::string(text).c_str());
}

void write_attribute(hid_t object, const char* name, std::uint64_t value) {
  const QuietHdf5 quiet;
  write_value(object, name, H5T_STD_U64LE, scalar_space(), &value);
}

void write_attribute(hid_t object, const char* name, std::int32_t value) {
  const QuietHdf5 quiet;
  write_value(object, name, H5T_STD_I32LE, scalar_space(), &value);
}

void write_attribute(hid_t object, const char* name, std::array<std::uint32_t, 2> value) {
  const QuietHdf5 quiet;
  const hsize_t shape[] = {value.size()};
  const H5Space space(check_hdf5<OutputError>(H5Screate_simple(1, shape, nullptr), attribute_place(object, name)));
  write_value(object, name, H5T_STD_U32LE, space, value.data());
}

std::string read_string_attribute(hid_t object, const char* name) {
  const QuietHdf5 quiet;
  const std::string place = attribute_place(object, name);
  const H5Attribute attribute = open_attribute(object, name);
  const H5Type type(check_hdf5<DataError>(H5Aget_type(attribute.get()), place));
  const H5Space space(check_hdf5<DataError>(H5Aget_space(attribute.get()), place));
  constexpr std::size_t kMaxBytes = 1 << 16;  // HDF5's own limit for attributes in an object header
  const std::size_t width = H5Tget_size(type.get());
  if (H5Tget_class(type.get()) != H5T_STRING || H5Tis_variable_str(type.get()) != 0 || width > kMaxBytes ||
      H5Sget_simple_extent_npoints(space.get()) != 1) {
    throw DataError("{}: not one fixed-length string", place);
  }
  std::string text(width, '\0');
  check_hdf5<DataError>(H5Aread(attribute.get(), type.get(), text.data()), place + ": cannot read");
  text.resize(std::min(text.find('\0'), text.size()));
  return text;
}

std::uint64_t read_u64_attribute(hid_t object, const char* name) {
  std::uint64_t value = 0;
  read_integers(object, name, H5T_STD_U64LE, 1, &value);
  return value;
}

std::int32_t read_i32_attribute(hid_t object, const char* name) {
  std::int32_t value = 0;
  read_integers(object, name, H5T_STD_I32LE, 1, &value);
  return value;
}

std::array<std::uint32_t, 2> read_u32x2_attribute(hid_t object, const char* name) {
  std::array<std::uint32_t, 2> value{};
  read_integers(object, name, H5T_STD_U32LE, 2, value.data());
  return value;
}

bool has_attribute(hid_t object, const char* name) {
  const QuietHdf5 quiet;
  return check_hdf5<DataError>(H5Aexists(object, name), attribute_place(object, name)) > 0;
}

}  // namespace muster::io
