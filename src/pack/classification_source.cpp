#include "pack/classification_source.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "core/error.hpp"
#include "core/nearest_name.hpp"
#include "io/utf8.hpp"
#include "pack/class_file.hpp"
#include "pack/csv_labels.hpp"
#include "pack/pairing.hpp"
#include "pack/source_paths.hpp"

namespace muster::pack {
namespace {

namespace fs = std::filesystem;

// The folders right below `root`; hidden ones and notes are no classes.
std::set<std::string> class_folders(const std::string& root) {
  std::error_code error;
  std::set<std::string> names;
  for (fs::directory_iterator entry(root, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code unreadable;
    if (!name.starts_with('.') && name != io::kNotesFolder && entry->is_directory(unreadable)) {
      names.insert(name);
    }
  }
  if (error) {
    throw ConfigError("images={}: {}; name a folder that holds one folder per class", root, error.message());
  }
  return names;
}

DeclaredClasses found_classes(const PackOptions& options) {
  std::set<std::string> names;
  std::string where;
  for (const auto& [split, sources] : sources_by_split(options)) {
    where = sources.csv.empty() ? sources.images : sources.csv;
    if (sources.csv.empty()) {
      names.merge(class_folders(sources.images));
      continue;
    }
    if (options.data.csv.label_type == "id") {
      throw ConfigError("csv_label_type=id needs names for the ids: give `classes: {{0: name, ...}}` in the recipe or as a file");
    }
    for (const LabelRow& row : read_label_table(sources.csv, options.data.csv).rows) {
      for (const std::string_view label : split_labels(row.labels, options.data.csv.label_delimiter)) {
        names.emplace(label);
      }
    }
  }
  std::vector<std::pair<std::int32_t, std::string>> classes;
  for (const std::string& name : names) {
    if (!io::is_utf8(name)) {
      throw DataError("{}: the name of the class \"{}\" is not UTF-8; rename it", where, name);
    }
    classes.emplace_back(static_cast<std::int32_t>(classes.size()), name);
  }
  if (classes.empty()) {
    throw ConfigError("{}: no classes; wanted is a folder for each, with its images, or a CSV file", where);
  }
  return {.classes = data::make_class_list(std::move(classes)), .labels = {}, .void_values = {}, .where = where};
}

// Why the labels of a line cannot be told; no text where they can.
struct RefusedLabels {
  std::string text;
  ProblemKind kind = ProblemKind::kUnknownClass;
};

class ClassificationSource final : public SplitSource {
 public:
  ClassificationSource(const PackOptions& options, SplitSources sources, DeclaredClasses declared)
      : options_(options),
        sources_(std::move(sources)),
        declared_(std::move(declared)),
        names_(declared_, !sources_.csv.empty() && options_.data.csv.label_type == "id") {
    if (multi_label() && sources_.csv.empty()) {
      throw ConfigError("classification_task=multilabel: a folder per class gives each image one label; give a CSV file");
    }
  }

  Listing list(const ScanFolder& scan) override {
    Listing listing = sources_.csv.empty() ? from_folders(scan) : from_table(scan);
    std::ranges::stable_sort(listing.samples, {}, [](const SourceSample& sample) -> const std::string& { return sample.image.key; });
    return listing;
  }

  const data::ClassList& classes() const override { return declared_.classes; }
  bool has_masks() const override { return false; }
  bool multi_label() const override { return options_.classification_task == "multilabel"; }

  std::string definition() const override {
    std::string definition = definition_of({.classes = declared_.classes, .labels = {}, .void_values = declared_.void_values, .where = {}});
    add_field(definition, options_.classification_task);
    return definition;
  }

  EncodedTarget encode(const SourceSample& sample, int, int) const override {
    EncodedTarget target;
    if (multi_label()) {
      target.labels = sample.labels;
    } else {
      target.label = sample.labels.empty() ? -1 : sample.labels.front();
    }
    return target;
  }

  std::vector<std::string> remarks(const data::IndexColumns&) const override {
    if (repeated_rows_ == 0) {
      return {};
    }
    return {fmt::format("{}: {} lines name an image again with the same labels; it was packed once", sources_.csv, repeated_rows_)};
  }

 private:
  Listing from_folders(const ScanFolder& scan) const;
  Listing from_table(const ScanFolder& scan);
  std::vector<io::SourceFile> files_of(const LabelTable& table, const ScanFolder& scan) const;
  // Dense and ascending. A sentence in `refused` where they cannot be told.
  std::vector<std::int32_t> labels_in(const LabelRow& row, RefusedLabels& refused) const;

  const PackOptions options_;
  const SplitSources sources_;
  const DeclaredClasses declared_;
  const LabelNames names_;
  std::size_t repeated_rows_ = 0;
};

Listing ClassificationSource::from_folders(const ScanFolder& scan) const {
  io::Scan found = scan(sources_.images, image_extensions(options_));
  const auto class_folder = [](const std::string& key) { return key.substr(0, key.find('/')); };
  std::map<std::string, std::size_t> images_in;
  for (const io::SourceFile& image : found.files) {
    ++images_in[class_folder(image.key)];
  }
  Listing listing;
  listing.images = found.files.size();
  listing.other_files = found.other_files;
  std::set<std::string> told;  // folders that are no class
  for (io::SourceFile& image : found.files) {
    const std::string folder = class_folder(image.key);
    const std::optional<std::int32_t> label = names_.find(folder);
    std::string text;
    if (std::optional<SourceProblem> name = name_problem(image)) {
      listing.problems.push_back(std::move(*name));
    } else if (folder == image.key) {
      text = fmt::format("{}: the image lies in no class's folder; move it into one", image.path.string());
      listing.problems.push_back({.image = std::move(image), .text = std::move(text)});
    } else if (label) {
      listing.samples.push_back({.image = std::move(image), .mask = {}, .labels = {*label}});
    } else if (told.insert(folder).second) {
      const auto nearest = nearest_name(folder, declared_.classes.names);
      text = fmt::format("{}: {} images in a folder that is no class; rename it{}, add it to the classes in {}, or move it away",
                         (fs::path(sources_.images) / folder).string(), images_in[folder],
                         nearest ? fmt::format(" (did you mean \"{}\"?)", *nearest) : "", declared_.where);
      listing.problems.push_back({.image = std::move(image), .text = std::move(text), .can_skip = false, .kind = ProblemKind::kUnknownClass});
    }
  }
  return listing;
}

std::vector<std::int32_t> ClassificationSource::labels_in(const LabelRow& row, RefusedLabels& refused) const {
  const auto refuse = [&](const std::string& what, ProblemKind kind) {
    refused = {.text = fmt::format("{}:{}: {}: {}", sources_.csv, row.line, row.path, what), .kind = kind};
  };
  std::vector<std::string_view> written = split_labels(row.labels, options_.data.csv.label_delimiter);
  if (names_.find(row.labels)) {
    written = {row.labels};  // a name may hold the delimiter
  }
  std::set<std::int32_t> labels;
  for (const std::string_view label : written) {
    const std::optional<std::int32_t> dense = names_.find(label);
    if (!dense) {
      refuse(names_.unknown(label), ProblemKind::kUnknownClass);
      return {};
    }
    if (*dense >= 0) {
      labels.insert(*dense);
    }
  }
  if (!multi_label() && labels.size() > 1) {
    refuse(fmt::format("{} labels ({}); give one, or set classification_task=multilabel", labels.size(), row.labels),
           ProblemKind::kAnnotation);
  }
  return {labels.begin(), labels.end()};
}

// The images of all rows, with size and time where they are there.
std::vector<io::SourceFile> ClassificationSource::files_of(const LabelTable& table, const ScanFolder& scan) const {
  const fs::path base = fs::path(sources_.csv).parent_path();
  FullPaths full;
  std::vector<io::SourceFile> files;
  std::vector<std::string> folders;
  for (const LabelRow& row : table.rows) {
    const fs::path path = base / row.path;
    files.push_back({.key = full.of(path), .path = path, .bytes = 0, .mtime_ns = io::kNotLookedUp});
    folders.push_back(folder_of_file(files.back().key));
  }
  const std::string beside = folder_of_file(full.of(sources_.csv));
  const bool all_beside = std::ranges::all_of(folders, [&](const std::string& folder) { return lies_in(folder, beside); });
  const std::string root = all_beside ? beside : shared_folder(folders);
  for (io::SourceFile& file : files) {
    file.key = path_from(file.key, root);
  }
  scan.look_up(files);
  return files;
}

Listing ClassificationSource::from_table(const ScanFolder& scan) {
  LabelTable table = read_label_table(sources_.csv, options_.data.csv);
  const std::vector<io::SourceFile> files = files_of(table, scan);
  Listing listing;
  listing.images = table.rows.size() + table.problems.size();
  for (auto& [line, text] : table.problems) {
    const std::string key = fmt::format("{}:{}", fs::path(sources_.csv).filename().string(), line);
    listing.problems.push_back({.image = {.key = key, .path = sources_.csv}, .text = std::move(text), .kind = ProblemKind::kAnnotation});
  }
  std::map<std::string, std::pair<std::size_t, std::vector<std::int32_t>>> named;  // by key: line and labels
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const LabelRow& row = table.rows[i];
    const auto problem = [&](std::string text, bool can_skip, ProblemKind kind) {
      listing.problems.push_back({.image = files[i], .text = std::move(text), .can_skip = can_skip, .kind = kind});
    };
    const std::string hint =
        i > 0 || table.has_header ? "" : "; if this line is a header, name its columns by csv_image_column and csv_label_column";
    RefusedLabels refused;
    std::vector<std::int32_t> labels = labels_in(row, refused);
    if (!refused.text.empty()) {
      problem(refused.text + hint, false, refused.kind);
      continue;
    }
    if (const auto [first, is_new] = named.try_emplace(files[i].key, row.line, labels); !is_new) {
      --listing.images;
      if (first->second.second == labels) {
        ++repeated_rows_;
      } else {
        problem(fmt::format("{}:{}: {} has other labels than in line {}; an image has one line with all of its labels", sources_.csv,
                            row.line, row.path, first->second.first),
                false, ProblemKind::kAnnotation);
      }
    } else if (files[i].mtime_ns == io::kNotLookedUp) {
      problem(fmt::format("{}:{}: there is no image {}{}", sources_.csv, row.line, files[i].path.string(), hint), true,
              ProblemKind::kUnreadable);
    } else if (std::optional<SourceProblem> name = name_problem(files[i])) {
      listing.problems.push_back(std::move(*name));
    } else {
      listing.samples.push_back({.image = files[i], .mask = {}, .labels = std::move(labels)});
    }
  }
  return listing;
}

}  // namespace

std::unique_ptr<SplitSource> make_classification_source(const PackOptions& options, const std::string&, const SplitSources& sources,
                                                        std::vector<std::string>& notices) {
  if (options.data.csv.label_delimiter.empty()) {
    throw ConfigError("label_delimiter is empty; give what stands between two labels, such as \";\"");
  }
  return std::make_unique<ClassificationSource>(
      options, sources, has_declared_classes(options) ? declared_classes(options, notices) : found_classes(options));
}

}  // namespace muster::pack
