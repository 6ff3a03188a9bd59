#include "pack/skipped_file.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>

#include "core/atomic_file.hpp"
#include "io/csv.hpp"

namespace muster::pack {
namespace {

constexpr const char* kSkippedFile = "skipped.csv";
constexpr const char* kHeader = "split,path,reason\n";

// Takes a field that csv_field() wrote, and the comma behind it, off the line; nothing when it is none.
std::optional<std::string> take_quoted(std::string_view& line) {
  if (!line.starts_with('"')) {
    return std::nullopt;
  }
  std::string field;
  for (std::size_t at = 1; at < line.size(); ++at) {
    if (line[at] != '"') {
      field += line[at];
    } else if (at + 1 < line.size() && line[at + 1] == '"') {
      field += line[at++];
    } else {
      line.remove_prefix(std::min(at + 2, line.size()));
      return field;
    }
  }
  return std::nullopt;
}

}  // namespace

// Not by CsvReader: names that are no UTF-8 stand here too.
std::vector<SkippedFile> read_skipped_file(const std::filesystem::path& folder, const std::string& split) {
  std::vector<SkippedFile> files;
  const std::filesystem::path path = folder / kSkippedFile;
  if (!std::filesystem::exists(path)) {
    return files;
  }
  std::istringstream lines(read_file(path));
  for (std::string line; std::getline(lines, line);) {
    std::string_view rest = line;
    if (!rest.starts_with(split + ',')) {
      continue;
    }
    rest.remove_prefix(split.size() + 1);
    const std::optional<std::string> key = take_quoted(rest);
    const std::optional<std::string> reason = take_quoted(rest);
    if (key && reason) {
      files.push_back({*key, *reason});
    }
  }
  return files;
}

std::vector<SkippedFile> left_out_after_append(const std::filesystem::path& folder, const SplitPreflight& sources) {
  std::vector<SkippedFile> left_out = sources.skipped;
  std::set<std::string_view> told_anew;
  for (const SkippedFile& file : sources.skipped) {
    told_anew.insert(file.key);
  }
  for (const PlannedSample& sample : sources.samples) {
    told_anew.insert(sample.source.image.key);
  }
  for (SkippedFile& file : read_skipped_file(folder, sources.split)) {
    if (!told_anew.contains(file.key)) {
      left_out.push_back(std::move(file));
    }
  }
  return left_out;
}

void update_skipped_file(const std::filesystem::path& folder, const std::map<std::string, std::vector<SkippedFile>>& by_split) {
  const std::filesystem::path path = folder / kSkippedFile;
  std::vector<std::string> lines;
  if (std::filesystem::exists(path)) {
    std::istringstream old(read_file(path));
    std::string line;
    std::getline(old, line);  // the header
    while (std::getline(old, line)) {
      if (!by_split.contains(line.substr(0, line.find(',')))) {
        lines.push_back(line);
      }
    }
  }
  for (const auto& [split, files] : by_split) {
    for (const SkippedFile& file : files) {
      lines.push_back(split + ',' + io::csv_field(file.key) + ',' + io::csv_field(file.reason));
    }
  }
  if (lines.empty()) {
    std::filesystem::remove(path);
    return;
  }
  std::sort(lines.begin(), lines.end());
  std::string text = kHeader;
  for (const std::string& line : lines) {
    text += line + '\n';
  }
  write_file_atomically(path, text);
}

}  // namespace muster::pack
