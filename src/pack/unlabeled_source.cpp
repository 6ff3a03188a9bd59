#include "pack/unlabeled_source.hpp"

#include <algorithm>
#include <sstream>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "pack/pairing.hpp"
#include "pack/source_paths.hpp"

namespace muster::pack {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kListExtensions[] = {"txt"};

// A folder or a file that is named somewhere.
struct NamedEntry {
  fs::path path;      // as written
  std::string where;  // "list.txt:3: ", or "" where the options name it
  bool is_folder = false;
};

std::vector<std::pair<std::size_t, std::string>> numbered_lines(const std::string& text) {
  std::vector<std::pair<std::size_t, std::string>> lines;
  std::istringstream stream(text.starts_with("\xef\xbb\xbf") ? text.substr(3) : text);
  std::string line;
  for (std::size_t number = 1; std::getline(stream, line); ++number) {
    if (line.ends_with('\r')) {
      line.pop_back();
    }
    if (!line.empty()) {
      lines.emplace_back(number, line);
    }
  }
  return lines;
}

// Asks the file system only about names that do not end like an image: a list may have a million of these.
bool is_folder(const std::string& name, std::span<const std::string_view> extensions) {
  return !io::has_extension(name, extensions) && fs::is_directory(name);
}

std::vector<NamedEntry> named_entries(const std::string& images, std::span<const std::string_view> extensions) {
  std::vector<NamedEntry> entries;
  for (const auto& [number, name] : numbered_lines(images)) {
    if (fs::is_directory(name)) {
      entries.push_back({.path = name, .where = {}, .is_folder = true});
    } else if (!io::has_extension(name, kListExtensions)) {
      entries.push_back({.path = name, .where = {}});
    } else {
      if (!fs::is_regular_file(name)) {
        throw ConfigError("images={}: there is no such list", name);
      }
      for (const auto& [line, path] : numbered_lines(read_file(name))) {
        entries.push_back({.path = path, .where = fmt::format("{}:{}: ", name, line), .is_folder = is_folder(path, extensions)});
      }
    }
  }
  return entries;
}

class UnlabeledSource final : public SplitSource {
 public:
  UnlabeledSource(const PackOptions& options, SplitSources sources) : options_(options), sources_(std::move(sources)) {}

  Listing list(const ScanFolder& scan) override {
    Listing listing;
    std::vector<io::SourceFile> found = find(scan, listing);
    if (!std::ranges::is_sorted(found, {}, &io::SourceFile::key)) {  // one folder's files are
      std::ranges::stable_sort(found, {}, &io::SourceFile::key);
    }
    const auto repeated = std::ranges::unique(found, {}, &io::SourceFile::key);
    found.erase(repeated.begin(), repeated.end());
    listing.images = found.size() + listing.problems.size();
    for (io::SourceFile& image : found) {
      if (std::optional<SourceProblem> name = name_problem(image)) {
        listing.problems.push_back(std::move(*name));
      } else {
        listing.samples.push_back({.image = std::move(image), .mask = {}, .labels = {}});
      }
    }
    return listing;
  }

  const data::ClassList& classes() const override { return no_classes_; }
  std::string definition() const override { return {}; }
  bool has_masks() const override { return false; }
  EncodedTarget encode(const SourceSample&, int, int) const override { return {}; }

 private:
  // All that is named or lies in what is named; files that are not there become problems.
  std::vector<io::SourceFile> find(const ScanFolder& scan, Listing& listing) const {
    const std::vector<std::string_view> extensions = image_extensions(options_);
    const std::vector<NamedEntry> entries = named_entries(sources_.images, extensions);
    FullPaths full;
    std::vector<std::string> folders;
    for (const NamedEntry& entry : entries) {
      folders.push_back(entry.is_folder ? full_path(entry.path).native() : folder_of_file(full.of(entry.path)));
    }
    const std::string root = shared_folder(folders);
    std::vector<io::SourceFile> found;
    std::vector<io::SourceFile> named;
    std::vector<std::string> places;  // of `named`
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const NamedEntry& entry = entries[i];
      if (!entry.is_folder) {
        named.push_back({.key = path_from(full.of(entry.path), root), .path = entry.path, .bytes = 0, .mtime_ns = io::kNotLookedUp});
        places.push_back(entry.where);
        continue;
      }
      io::Scan folder = scan(entry.path, extensions);
      listing.other_files += folder.other_files;
      for (io::SourceFile& file : folder.files) {
        file.key = folders[i] == root ? file.key : path_from(folders[i], root) + "/" + file.key;
        found.push_back(std::move(file));
      }
    }
    scan.look_up(named);
    for (std::size_t i = 0; i < named.size(); ++i) {
      if (named[i].mtime_ns != io::kNotLookedUp) {
        found.push_back(std::move(named[i]));
      } else {
        std::string text = fmt::format("{}there is no image {}", places[i], named[i].path.string());
        listing.problems.push_back({.image = named[i], .text = std::move(text), .can_skip = true, .kind = ProblemKind::kUnreadable});
      }
    }
    return found;
  }

  const PackOptions options_;
  const SplitSources sources_;
  const data::ClassList no_classes_;
};

}  // namespace

std::unique_ptr<SplitSource> make_unlabeled_source(const PackOptions& options, const std::string&, const SplitSources& sources,
                                                   std::vector<std::string>&) {
  return std::make_unique<UnlabeledSource>(options, sources);
}

}  // namespace muster::pack
