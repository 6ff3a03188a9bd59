#include "io/hdf5.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "core/atomic_file.hpp"
#include "io/hdf5_check.hpp"

namespace muster::io {
namespace {

constexpr hsize_t kAlignThreshold = 1 << 20;  // bytes
constexpr hsize_t kPayloadAlignment = 4096;          // bytes
constexpr unsigned kCompactAttributes = 64;   // kept in the object header up to this count, in writing order
constexpr unsigned kCompactLinks = 64;

H5PropertyList new_list(hid_t list_class) {
  return H5PropertyList(check_hdf5<OutputError>(H5Pcreate(list_class), "creating an HDF5 property list"));
}

// Takes the space and gives it back, which is how a full disk, a quota or a file size limit shows.
void check_space(const std::filesystem::path& path, std::uint64_t bytes) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (!fd) {
    throw_output_error("create", path, errno);
  }
  const int error = bytes == 0 ? 0 : ::posix_fallocate(fd.get(), 0, static_cast<off_t>(bytes));
  if (::ftruncate(fd.get(), 0) != 0) {
    throw_output_error("empty", path, errno);
  }
  if (error == ENOSPC || error == EFBIG || error == EDQUOT) {  // others: a file system that cannot tell
    throw_output_error(fmt::format("find {} bytes for", bytes), path, error);
  }
}

}  // namespace

H5File create_h5_file(const std::filesystem::path& path, std::uint64_t expected_bytes) {
  const QuietHdf5 quiet;
  check_space(path, expected_bytes);
  const std::string what = fmt::format("{}: cannot create the HDF5 file", path.string());
  const H5PropertyList access = new_list(H5P_FILE_ACCESS);
  check_hdf5<OutputError>(H5Pset_libver_bounds(access.get(), H5F_LIBVER_V18, H5F_LIBVER_V18), what);
  check_hdf5<OutputError>(H5Pset_alignment(access.get(), kAlignThreshold, kPayloadAlignment), what);
  check_hdf5<OutputError>(H5Pset_file_locking(access.get(), false, true), what);  // nobody else knows the temporary name
  check_hdf5<OutputError>(H5Pset_fclose_degree(access.get(), H5F_CLOSE_SEMI), what);
  const H5PropertyList creation = new_list(H5P_FILE_CREATE);
  // These three speak of the root group, which would otherwise store the time of its creation.
  check_hdf5<OutputError>(H5Pset_obj_track_times(creation.get(), false), what);
  check_hdf5<OutputError>(H5Pset_attr_phase_change(creation.get(), kCompactAttributes, 0), what);
  check_hdf5<OutputError>(H5Pset_link_phase_change(creation.get(), kCompactLinks, 0), what);
  return H5File(check_hdf5<OutputError>(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), what));
}

H5File open_h5_file(const std::filesystem::path& path) {
  const QuietHdf5 quiet;
  const std::string what = fmt::format("{}: cannot open as HDF5", path.string());
  const H5PropertyList access(check_hdf5<DataError>(H5Pcreate(H5P_FILE_ACCESS), what));
  check_hdf5<DataError>(H5Pset_file_locking(access.get(), false, true), what);
  check_hdf5<DataError>(H5Pset_fclose_degree(access.get(), H5F_CLOSE_SEMI), what);
  return H5File(check_hdf5<DataError>(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()), what));
}

void close_h5_file(H5File& file) {
  const QuietHdf5 quiet;
  const std::string what = hdf5_place(file.get()) + ": cannot close the HDF5 file";
  check_hdf5<OutputError>(H5Fclose(file.release()), what);
}

H5Group create_group(hid_t parent, const char* name) {
  const QuietHdf5 quiet;
  const std::string what = hdf5_place(parent, name) + ": cannot create the group";
  const H5PropertyList creation = new_list(H5P_GROUP_CREATE);
  check_hdf5<OutputError>(H5Pset_obj_track_times(creation.get(), false), what);
  check_hdf5<OutputError>(H5Pset_link_phase_change(creation.get(), kCompactLinks, 0), what);
  return H5Group(check_hdf5<OutputError>(H5Gcreate2(parent, name, H5P_DEFAULT, creation.get(), H5P_DEFAULT), what));
}

H5Group open_group(hid_t parent, const char* name) {
  const QuietHdf5 quiet;
  return H5Group(check_hdf5<DataError>(H5Gopen2(parent, name, H5P_DEFAULT), hdf5_place(parent, name) + ": cannot open the group"));
}

bool has_link(hid_t parent, const char* name) {
  const QuietHdf5 quiet;
  return check_hdf5<DataError>(H5Lexists(parent, name, H5P_DEFAULT), hdf5_place(parent, name)) > 0;
}

}  // namespace muster::io
