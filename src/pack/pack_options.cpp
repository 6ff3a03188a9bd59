#include "pack/pack_options.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace muster::pack {
namespace {

bool any_of_both(const SplitSources& sources) {
  return !sources.images.empty() || !sources.masks.empty();
}

void check_both(const std::string& keys, const SplitSources& sources) {
  if (sources.images.empty() || sources.masks.empty()) {
    throw ConfigError("{0}images=\"{1}\" {0}masks=\"{2}\": a split needs both; give the folder of its {3}", keys, sources.images,
                      sources.masks, sources.images.empty() ? "images" : "masks");
  }
}

}  // namespace

void validate(const PackOptions& o) {
  if (o.out.empty()) {
    throw ConfigError("out is missing: give the folder of the packed data set, e.g. out=runs/sample");
  }
  const bool in_short = any_of_both({o.images, o.masks});
  const bool in_data = any_of_both(o.data.train) || any_of_both(o.data.val);
  if (in_short == in_data) {
    throw ConfigError("give either images= and masks= of one split, or data.train.* and data.val.* in a recipe, {}",
                      in_short ? "not both" : "got neither");
  }
  for (const auto& [split, sources] : sources_by_split(o)) {
    check_both(in_short ? "" : fmt::format("data.{}.", split), sources);
  }
  if (!o.classes.empty() && !o.data.classes.empty()) {
    throw ConfigError("give either classes=FILE or data.classes in a recipe, not both");
  }
  const auto is_plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  if (o.split.empty() || o.split.size() > 32 || !std::all_of(o.split.begin(), o.split.end(), is_plain)) {
    throw ConfigError("split=\"{}\": a split's name has 1 to 32 of a-z, 0-9 and _, such as train, val or test", o.split);
  }
}

std::vector<std::pair<std::string, SplitSources>> sources_by_split(const PackOptions& o) {
  std::vector<std::pair<std::string, SplitSources>> splits;
  if (any_of_both({o.images, o.masks})) {
    splits.push_back({o.split, {o.images, o.masks}});
  }
  if (any_of_both(o.data.train)) {
    splits.push_back({"train", o.data.train});
  }
  if (any_of_both(o.data.val)) {
    splits.push_back({"val", o.data.val});
  }
  return splits;
}

}  // namespace muster::pack
