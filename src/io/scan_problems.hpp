// Folders that a search over threads could not read: the same error is thrown whatever thread came first.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>

#include "core/error.hpp"

namespace muster::io {

class ScanProblems {
 public:
  // Any thread.
  void add(const std::string& path, int error_number) {
    const std::lock_guard lock(mutex_);
    texts_.emplace(path, errno_text(error_number));
  }
  // DataError for the first by the bytes of its path.
  void throw_if_any() const {
    if (!texts_.empty()) {
      const auto& [path, text] = *texts_.begin();
      const std::string more = texts_.size() == 1 ? "" : fmt::format(" (and {} more)", texts_.size() - 1);
      throw DataError("cannot read the folder {}: {}{}", path, text, more);
    }
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> texts_;
};

}  // namespace muster::io
