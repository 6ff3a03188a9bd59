#include "pack/skipped_file.hpp"

#include <algorithm>
#include <sstream>

#include "core/atomic_file.hpp"
#include "io/csv.hpp"

namespace muster::pack {
namespace {

constexpr const char* kSkippedFile = "skipped.csv";
constexpr const char* kHeader = "split,path,reason\n";

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
