#include "pack/skipped_file.hpp"

#include <algorithm>
#include <sstream>

#include "core/atomic_file.hpp"

namespace muster::pack {
namespace {

constexpr const char* kSkippedFile = "skipped.csv";
constexpr const char* kHeader = "split,path,reason\n";

// RFC 4180, with line ends as spaces so that a line stays a record.
std::string quoted(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  for (std::size_t at = text.find('"'); at != std::string::npos; at = text.find('"', at + 2)) {
    text.insert(at, 1, '"');
  }
  return '"' + text + '"';
}

}  // namespace

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
      lines.push_back(split + ',' + quoted(file.key) + ',' + quoted(file.reason));
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
