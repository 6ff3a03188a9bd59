#include "io/hdf5_check.hpp"

#include <exception>
#include <vector>

#include <spdlog/spdlog.h>

#include "io/hdf5.hpp"

namespace muster::io {
namespace {

herr_t collect(unsigned /*depth*/, const H5E_error2_t* entry, void* lines) {
  const std::string text = entry->desc == nullptr ? "error" : entry->desc;
  static_cast<std::vector<std::string>*>(lines)->push_back(fmt::format("{} ({})", text, entry->func_name));
  return 0;
}

template <class Query>
std::string name_from(Query query) {
  const ssize_t length = query(nullptr, 0);
  if (length <= 0) {
    return {};
  }
  std::string name(static_cast<std::size_t>(length), '\0');
  query(name.data(), name.size() + 1);
  return name;
}

}  // namespace

QuietHdf5::QuietHdf5() {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

std::string take_hdf5_stack() {
  std::vector<std::string> lines;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, collect, &lines);
  H5Eclear2(H5E_DEFAULT);
  return lines.empty() ? "HDF5 gave no reason" : fmt::format("{}", fmt::join(lines, "; "));
}

std::string hdf5_place(hid_t object) {
  const std::string file = name_from([&](char* out, std::size_t size) { return H5Fget_name(object, out, size); });
  const std::string path = name_from([&](char* out, std::size_t size) { return H5Iget_name(object, out, size); });
  H5Eclear2(H5E_DEFAULT);
  return path.empty() ? file : file + ":" + path;
}

std::string hdf5_place(hid_t parent, const char* name) {
  const std::string place = hdf5_place(parent);
  return place + (place.ends_with('/') ? "" : "/") + name;
}

void log_failed_close(const char* function, hid_t id) noexcept {
  try {
    const std::string reason = take_hdf5_stack();
    if (std::uncaught_exceptions() == 0) {  // else what went wrong is being told already
      spdlog::error("{}({}) failed: {}", function, id, reason);
    }
  } catch (...) {
    H5Eclear2(H5E_DEFAULT);  // a destructor has nowhere else to report to
  }
}

}  // namespace muster::io
