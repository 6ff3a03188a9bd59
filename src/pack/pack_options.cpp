#include "pack/pack_options.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "io/source_scan.hpp"

namespace muster::pack {
namespace {

bool any_source(const SplitSources& sources) {
  return sources != SplitSources();
}

SplitSources short_form(const PackOptions& o) {
  return {.images = o.images, .masks = o.masks, .annotations = o.annotations, .csv = o.csv};
}

// data.train_csv and data.train.csv are the same key, as the reference documents write it and as the short form does.
SplitSources with_csv(SplitSources sources, const std::string& csv, std::string_view split) {
  if (!csv.empty() && any_source(sources)) {
    throw ConfigError("give either data.{0}_csv or data.{0}, not both", split);
  }
  sources.csv = csv.empty() ? sources.csv : csv;
  return sources;
}

// Which of its keys a split must have and may have, by task.
void check_sources(const std::string& task, const std::string& keys, const SplitSources& s) {
  const auto refuse_key = [&](std::string_view key, const std::string& value) {
    if (!value.empty()) {
      throw ConfigError("{}{}={}: a split of task={} has no {}", keys, key, value, task, key);
    }
  };
  const bool has_masks = task == "semantic_segmentation" || task == "panoptic_segmentation";
  if (has_masks && (s.images.empty() || s.masks.empty())) {
    throw ConfigError("{0}images=\"{1}\" {0}masks=\"{2}\": a split needs both; give the folder of its {3}", keys, s.images, s.masks,
                      s.images.empty() ? "images" : "masks");
  }
  if (!has_masks) {
    refuse_key("masks", s.masks);
  }
  if (task == "panoptic_segmentation" && s.annotations.empty()) {
    throw ConfigError("{}annotations is missing: give the COCO JSON file of the segments in {}", keys, s.masks);
  }
  if (task != "panoptic_segmentation") {
    refuse_key("annotations", s.annotations);
  }
  if (task == "image_classification") {
    if (s.images.empty() == s.csv.empty()) {
      throw ConfigError("{0}images=\"{1}\" {0}csv=\"{2}\": give either a folder with one subfolder per class, or a CSV file", keys,
                        s.images, s.csv);
    }
  } else {
    refuse_key("csv", s.csv);
  }
  if (task == "pretrain" && s.images.empty()) {
    throw ConfigError("{}images is missing: give a folder, a file, or a list of files", keys);
  }
}

constexpr double kUsualShare = 0.001;
constexpr std::size_t kAlwaysSkipped = 10;  // a thousandth of a small set is less than one image

}  // namespace

bool skips_damaged(const PackOptions& options) {
  return options.on_error == "skip" || (options.on_error == "auto" && options.task == "pretrain");
}

std::size_t most_skipped(const PackOptions& options, std::size_t images) {
  const auto most = static_cast<std::size_t>(options.max_skipped.value_or(kUsualShare) * static_cast<double>(images));
  return options.max_skipped ? most : std::max(most, kAlwaysSkipped);
}

void validate(const PackOptions& o) {
  if (o.out.empty()) {
    throw ConfigError("out is missing: give the folder of the packed data set, e.g. out=runs/sample");
  }
  const bool in_short = any_source(short_form(o));
  const bool in_data = any_source(o.data.train) || any_source(o.data.val) || any_source(o.data.test) || !o.data.train_csv.empty() ||
                       !o.data.val_csv.empty() || !o.data.test_csv.empty();
  if (in_short == in_data) {
    throw ConfigError("give either images= and masks= of one split, or data.train.* and data.val.* in a recipe, {}",
                      in_short ? "not both" : "got neither");
  }
  for (const auto& [split, sources] : sources_by_split(o)) {
    check_sources(o.task, in_short ? "" : fmt::format("data.{}.", split), sources);
  }
  if (!o.classes.empty() && o.data.classes.size() > 0) {
    throw ConfigError("give either classes=FILE or data.classes in a recipe, not both");
  }
  if ((o.reduce_labels || o.data.reduce_labels) && o.task != "semantic_segmentation") {
    throw ConfigError("reduce_labels=true is for task=semantic_segmentation, not {}", o.task);
  }
  for (const std::string& extension : o.extensions) {
    const auto is_plain_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    if (extension.empty() || !std::ranges::all_of(extension, is_plain_letter)) {
      throw ConfigError("extensions: \"{}\": wanted are the letters behind the dot, in lower case, such as [jpg, png]", extension);
    }
  }
  const auto is_plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  if (o.split.empty() || o.split.size() > 32 || !std::all_of(o.split.begin(), o.split.end(), is_plain)) {
    throw ConfigError("split=\"{}\": a split's name has 1 to 32 of a-z, 0-9 and _, such as train, val or test", o.split);
  }
}

std::vector<std::pair<std::string, SplitSources>> sources_by_split(const PackOptions& o) {
  std::vector<std::pair<std::string, SplitSources>> splits;
  const auto add = [&](const std::string& split, const SplitSources& sources) {
    if (any_source(sources)) {
      splits.emplace_back(split, sources);
    }
  };
  add(o.split, short_form(o));
  add("train", with_csv(o.data.train, o.data.train_csv, "train"));
  add("val", with_csv(o.data.val, o.data.val_csv, "val"));
  add("test", with_csv(o.data.test, o.data.test_csv, "test"));
  return splits;
}

std::vector<std::string_view> image_extensions(const PackOptions& options) {
  if (!options.extensions.empty()) {
    return {options.extensions.begin(), options.extensions.end()};
  }
  std::vector<std::string_view> extensions(std::begin(io::kImageExtensions), std::end(io::kImageExtensions));
  if (options.task == "image_classification") {
    extensions.push_back("dcm");
  }
  return extensions;
}

}  // namespace muster::pack
