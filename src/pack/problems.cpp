#include "pack/problems.hpp"

#include "core/error.hpp"

namespace muster::pack {
namespace {
constexpr std::size_t kShown = 10;
}

void Problems::add(std::string problem) {
  if (count_++ < kShown) {
    first_.push_back(std::move(problem));
  }
}

void Problems::throw_if_any(const std::string& what) const {
  if (count_ == 0) {
    return;
  }
  std::string text = fmt::format("{}: {} problem{}, nothing was written", what, count_, count_ == 1 ? "" : "s");
  for (const std::string& problem : first_) {
    text += "\n  - " + problem;
  }
  if (count_ > first_.size()) {
    text += fmt::format("\n  and {} more", count_ - first_.size());
  }
  throw DataError("{}", text);
}

}  // namespace muster::pack
