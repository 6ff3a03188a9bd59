// What is wrong with the sources, gathered so that one run of pack tells everything.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace muster::pack {

class Problems {
 public:
  void add(std::string problem);
  std::size_t count() const noexcept { return count_; }
  // DataError "<what>: 12 problems, nothing was written" with the first ten, when there are any.
  void throw_if_any(const std::string& what) const;

 private:
  std::vector<std::string> first_;
  std::size_t count_ = 0;
};

}  // namespace muster::pack
