#include "label/merge.hpp"

#include <algorithm>
#include <filesystem>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "io/csv.hpp"
#include "io/value.hpp"
#include "label/exclusive_file.hpp"

namespace muster::label {
namespace {

namespace fs = std::filesystem;

void check_conflicts(const MergedJournal& merged, const LabelFolder& folder) {
  if (!merged.conflicts.empty()) {
    throw DataError("{}: {} masks were changed while they were labelled, the first: {}; remove {} and label again into an empty folder",
                    folder.out.string(), merged.conflicts.size(), merged.conflicts.front(), folder.out.string());
  }
}

}  // namespace

MergeResult merge_labels(const LabelPlan& plan, const LabelFolder& folder, const std::string& worker) {
  const MergedJournal merged = read_journals(folder.journals());
  check_conflicts(merged, folder);
  MergeResult result;
  std::string journal, failed;
  for (std::size_t i = 0; i < plan.list.images.size(); ++i) {
    const auto found = merged.by_image.find(plan.list.images[i].key);
    if (found == merged.by_image.end()) {
      result.missing.push_back(i);
      continue;
    }
    const JournalEntry& entry = found->second;
    journal += to_json_line(entry);
    if (entry.failed()) {
      ++result.failed;
      failed += io::csv_field(entry.image) + ',' + io::csv_field(entry.error) + '\n';
    } else {
      ++result.labelled;
    }
  }
  if (!result.missing.empty()) {
    return result;
  }
  const fs::path temporary = folder.temporaries() / (worker + ".merge");
  if (failed.empty()) {
    fs::remove(folder.failed());
  } else {
    replace_file(folder.failed(), temporary, "path,reason\n" + failed);
  }
  replace_file(folder.merged_journal(), temporary, journal);
  for (const fs::directory_entry& left : fs::directory_iterator(folder.temporaries())) {
    fs::remove(left.path());
  }
  return result;
}

std::vector<std::size_t> failed_images(const LabelPlan& plan, const LabelFolder& folder) {
  std::vector<std::size_t> failed;
  if (!fs::exists(folder.failed())) {
    return failed;
  }
  const MergedJournal merged = read_journals(folder.journals());
  for (std::size_t i = 0; i < plan.list.images.size(); ++i) {
    const auto found = merged.by_image.find(plan.list.images[i].key);
    if (found != merged.by_image.end() && found->second.failed()) {
      failed.push_back(i);
    }
  }
  return failed;
}

}  // namespace muster::label
