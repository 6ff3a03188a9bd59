#include "core/run_folder.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>

#include "core/error.hpp"

namespace muster {

namespace fs = std::filesystem;

namespace {
constexpr const char* kLockFile = ".lock";
}

RunFolder::RunFolder(fs::path folder) : folder_(std::move(folder)) {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) {
    throw_output_error("make the folder", folder_, error.value());
  }
  const fs::path lock = folder_ / kLockFile;
  lock_ = UniqueFd(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!lock_) {
    throw_output_error("create", lock, errno);
  }
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      throw ConfigError("{} is being written by another process; wait for it, stop it, or choose another out=", folder_.string());
    }
    throw_output_error("lock", lock, errno);
  }
}

RunFolder RunFolder::held_by_rank_0(fs::path folder) {
  RunFolder names;
  names.folder_ = std::move(folder);
  return names;
}

bool RunFolder::is_empty() const {
  return std::all_of(fs::directory_iterator(folder_), fs::directory_iterator(),
                     [](const fs::directory_entry& entry) { return entry.path().filename() == kLockFile; });
}

void RunFolder::clear() {
  for (const auto& entry : fs::directory_iterator(folder_)) {
    if (entry.path().filename() != kLockFile) {
      fs::remove_all(entry.path());
    }
  }
}

}  // namespace muster
