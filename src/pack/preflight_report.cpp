#include "pack/preflight_report.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/error.hpp"
#include "pack/verify_findings.hpp"  // printable()

namespace muster::pack {
namespace {

using io::Value;

constexpr std::size_t kShownValues = 10;
constexpr std::size_t kShownGroups = 3;
constexpr std::size_t kListedGroups = 100;

std::size_t files_in(const std::vector<std::vector<std::string>>& groups) {
  std::size_t files = 0;
  for (const auto& group : groups) {
    files += group.size();
  }
  return files;
}

const char* problem_words(ProblemKind kind) {
  switch (kind) {
    case ProblemKind::kNoTarget:
      return "without mask or label";
    case ProblemKind::kName:
      return "with a name that cannot be used";
    case ProblemKind::kSize:
      return "of another size than their mask";
    case ProblemKind::kOrientation:
      return "whose EXIF orientation is ambiguous";
    case ProblemKind::kUnreadable:
      return "unreadable, or their mask is";
    case ProblemKind::kUndeclared:
      return "with mask values that nothing declares";
    case ProblemKind::kAnnotation:
      return "whose annotations contradict their mask";
    case ProblemKind::kUnknownClass:
      return "in a folder, or with a label, that is no class";
  }
  return "with a problem";
}

void append_classes(std::string& text, const SplitPreflight& split) {
  const data::ClassList& classes = split.source->classes();
  std::uint64_t all_pixels = 0;
  for (const std::uint64_t pixels : split.class_pixels) {
    all_pixels += pixels;
  }
  std::size_t without = 0;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (split.class_images[i] == 0) {
      ++without;
      continue;
    }
    text += fmt::format("    {:>5} {:<24} in {} image{}", classes.ids[i], classes.names[i], split.class_images[i],
                        split.class_images[i] == 1 ? "" : "s");
    if (all_pixels > 0) {
      text += fmt::format(", {:.3f} % of the labelled pixels",
                          100 * static_cast<double>(split.class_pixels[i]) / static_cast<double>(all_pixels));
    }
    text += "\n";
  }
  if (without > 0) {
    text += fmt::format("    {} of {} classes occur in no image\n", without, classes.size());
  }
}

struct SeveralPages {
  std::size_t count = 0;
  std::string_view first;  // key
};

SeveralPages of_several_pages(const SplitPreflight& split) {
  SeveralPages found;
  for (const PlannedSample& sample : split.samples) {
    if (sample.info.multiple && ++found.count == 1) {
      found.first = sample.source.image.key;
    }
  }
  return found;
}

void append_split(std::string& text, const SplitPreflight& split, bool classes, bool sentences) {
  text += fmt::format("{}: {} images, {} ready to pack, {:.1f} MB\n", split.split, split.images, split.samples.size(),
                      static_cast<double>(split.source_bytes) / 1e6);
  const auto line = [&](std::size_t count, std::string_view words) {
    if (count > 0) {
      text += fmt::format("  {} {}\n", count, words);
    }
  };
  for (const auto& [kind, count] : split.problems) {
    line(count, problem_words(kind));
  }
  line(split.images_without_target, "images that no annotation names, left out");
  line(split.targets_without_image, "masks or labels without image");
  line(split.other_files, "other files, left alone");
  if (const auto [count, first] = of_several_pages(split); count > 0) {
    line(count, fmt::format("images hold several pages or frames, of which the first is packed, such as {}", first));
  }
  if (sentences) {
    for (const std::string& problem : split.first_problems) {
      text += "  - " + problem + "\n";
    }
  }
  std::size_t shown = 0;
  for (const auto& [value, total] : split.undeclared) {
    if (++shown > kShownValues) {
      text += fmt::format("  - and {} undeclared values more\n", split.undeclared.size() - kShownValues);
      break;
    }
    text += fmt::format("  - undeclared value {}: {} pixels in {} mask{}\n", value, total.pixels, total.files, total.files == 1 ? "" : "s");
  }
  if (!split.duplicates.empty()) {
    text +=
        fmt::format("  {} images are the same file as another one, in {} groups\n", files_in(split.duplicates), split.duplicates.size());
    for (std::size_t i = 0; i < std::min(kShownGroups, split.duplicates.size()); ++i) {
      text += fmt::format("  - {}\n", fmt::join(split.duplicates[i], " = "));
    }
  }
  if (classes && split.targets_known && split.source->classes().size() > 0) {
    append_classes(text, split);
  }
}

Value classes_tree(const SplitPreflight& split) {
  const data::ClassList& classes = split.source->classes();
  Value list = Value::list();
  for (std::size_t i = 0; i < classes.size(); ++i) {
    list.push_back(Value::map(
        {{"id", classes.ids[i]}, {"name", classes.names[i]}, {"images", split.class_images[i]}, {"pixels", split.class_pixels[i]}}));
  }
  return list;
}

Value duplicates_tree(const SplitPreflight& split) {
  Value groups = Value::list();
  for (std::size_t i = 0; i < std::min(kListedGroups, split.duplicates.size()); ++i) {
    groups.push_back(Value(Value::List(split.duplicates[i].begin(), split.duplicates[i].end())));
  }
  return Value::map({{"files", std::uint64_t{files_in(split.duplicates)}},
                     {"groups", std::uint64_t{split.duplicates.size()}},
                     {"first", std::move(groups)}});
}

Value names_tree(const std::vector<std::string>& names) {
  Value list = Value::list();
  for (const std::string& name : names) {
    list.push_back(printable(name));
  }
  return list;
}

Value problem_list(const SplitPreflight& split) {
  Value list = Value::list();
  for (const NamedProblem& problem : split.named_problems) {
    list.push_back(
        Value::map({{"kind", problem_kind_name(problem.kind)}, {"key", printable(problem.key)}, {"text", printable(problem.text)}}));
  }
  return list;
}

Value shared_tree(const std::vector<SharedImages>& all) {
  Value list = Value::list();
  for (const SharedImages& shared : all) {
    Value pairs = Value::list();
    for (const auto& [key, other] : shared.first) {
      pairs.push_back(Value(Value::List{printable(key), printable(other)}));
    }
    list.push_back(Value::map(
        {{"split", shared.split}, {"also_in", shared.also_in}, {"images", std::uint64_t{shared.images}}, {"first", std::move(pairs)}}));
  }
  return list;
}

Value split_tree(const SplitPreflight& split) {
  Value problems = Value::map();
  for (const auto& [kind, count] : split.problems) {
    problems.set(problem_kind_name(kind), std::uint64_t{count});
  }
  Value sentences = Value::list();
  for (const std::string& text : split.first_problems) {
    sentences.push_back(printable(text));
  }
  const auto without = split.problems.find(ProblemKind::kNoTarget);
  const std::size_t missing_targets = without == split.problems.end() ? 0 : without->second;
  Value tree = Value::map({{"images", std::uint64_t{split.images}},
                           {"samples", std::uint64_t{split.samples.size()}},
                           {"bytes", split.source_bytes},
                           {"other_files", std::uint64_t{split.other_files}},
                           {"targets_without_image", std::uint64_t{split.targets_without_image}},
                           {"lonely_targets", names_tree(split.lonely_targets)},
                           {"images_without_target", std::uint64_t{split.images_without_target + missing_targets}},
                           {"lonely_images", names_tree(split.lonely_images)},
                           {"several_pages", std::uint64_t{of_several_pages(split).count}},
                           {"left_out", std::uint64_t{split.skipped.size()}},
                           {"problems", std::move(problems)},
                           {"first_problems", std::move(sentences)},
                           {"problem_list", problem_list(split)}});
  if (split.targets_known) {
    Value undeclared = Value::list();
    for (const auto& [value, total] : split.undeclared) {
      undeclared.push_back(Value::map({{"value", value}, {"pixels", total.pixels}, {"files", std::uint64_t{total.files}}}));
    }
    tree.set("undeclared", std::move(undeclared));
    tree.set("classes", classes_tree(split));
    tree.set("duplicates", duplicates_tree(split));
  }
  return tree;
}

}  // namespace

const char* problem_kind_name(ProblemKind kind) noexcept {
  switch (kind) {
    case ProblemKind::kNoTarget:
      return "no_target";
    case ProblemKind::kName:
      return "name";
    case ProblemKind::kSize:
      return "size";
    case ProblemKind::kOrientation:
      return "orientation";
    case ProblemKind::kUnreadable:
      return "unreadable";
    case ProblemKind::kUndeclared:
      return "undeclared";
    case ProblemKind::kAnnotation:
      return "annotation";
    case ProblemKind::kUnknownClass:
      return "unknown_class";
  }
  return "other";
}

void PreflightReport::throw_if_bad(const PackOptions& options) const {
  problems.throw_if_any("pack");
  throw_if_undeclared(splits);
  for (const SplitPreflight& split : splits) {
    check_skipped(split, split.skipped.size(), options);
  }
}

std::string report_text(const PreflightReport& report, bool classes) {
  std::string text;
  for (const SplitPreflight& split : report.splits) {
    append_split(text, split, classes, report.problems.count() == 0);
  }
  return text;
}

io::Value report_tree(const PreflightReport& report, const PackOptions& options) {
  Value splits = Value::map();
  for (const SplitPreflight& split : report.splits) {
    splits.set(split.split, split_tree(split));
  }
  Value notices = Value::list();
  for (const std::string& notice : report.notices) {
    notices.push_back(notice);
  }
  bool ready = true;
  try {
    report.throw_if_bad(options);
  } catch (const Error&) {
    ready = false;
  }
  return Value::map(
      {{"splits", std::move(splits)}, {"shared", shared_tree(report.shared)}, {"notices", std::move(notices)}, {"ready", ready}});
}

}  // namespace muster::pack
