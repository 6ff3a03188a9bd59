#include "data/class_list.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "image/overlay.hpp"

namespace muster::data {

namespace {

constexpr std::int32_t kLargestId = 65534;
constexpr std::size_t kDenseValues = 65536;

}  // namespace

std::optional<std::uint16_t> ClassList::dense_index(std::int32_t id) const {
  const auto found = std::ranges::lower_bound(ids, id);
  if (found == ids.end() || *found != id) {
    return std::nullopt;
  }
  return static_cast<std::uint16_t>(found - ids.begin());
}

std::string ClassList::names_crc32() const {
  std::string text;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    text += fmt::format("{} {}\n", ids[i], names[i]);
  }
  return fmt::format("{:08x}", crc32_of(std::as_bytes(std::span(text))));
}

ClassList make_class_list(std::vector<std::pair<std::int32_t, std::string>> classes) {
  std::ranges::stable_sort(classes, {}, &std::pair<std::int32_t, std::string>::first);
  ClassList list;
  for (auto& [id, name] : classes) {
    if (id < 0 || id > kLargestId) {
      throw ConfigError("classes: id {} ({}) is outside 0..{}; give this class a smaller id", id, name, kLargestId);
    }
    if (!list.ids.empty() && list.ids.back() == id) {
      throw ConfigError("classes: id {} is given twice, as {} and as {}", id, list.names.back(), name);
    }
    list.ids.push_back(id);
    list.names.push_back(std::move(name));
    list.colors.push_back(image::class_colour(static_cast<int>(list.colors.size())));
    list.isthing.push_back(0);
  }
  return list;
}

TrainClasses::TrainClasses(const ClassList& classes, std::span<const std::int32_t> ignored)
    : dense_count_(classes.size()), table_(kDenseValues, -1) {
  for (std::size_t dense = 0; dense < classes.size(); ++dense) {
    if (std::ranges::find(ignored, classes.ids[dense]) != ignored.end()) {
      continue;
    }
    table_[dense] = count();
    ids_.push_back(classes.ids[dense]);
    names_.push_back(classes.names[dense]);
    colors_.push_back(classes.colors[dense]);
  }
  if (ids_.empty()) {
    throw ConfigError("ignore_classes leaves none of the {} classes of the data set; name fewer classes there", classes.size());
  }
}

std::vector<bool> TrainClasses::learned() const {
  std::vector<bool> flags(dense_count_);
  for (std::size_t dense = 0; dense < dense_count_; ++dense) {
    flags[dense] = table_[dense] >= 0;
  }
  return flags;
}

void TrainClasses::map(std::span<const std::uint16_t> dense, std::span<std::int32_t> train) const {
  check(dense.size() == train.size(), "TrainClasses::map: {} labels into {} places", dense.size(), train.size());
  std::ranges::transform(dense, train.begin(), [this](std::uint16_t index) { return table_[index]; });
}

}  // namespace muster::data
