// What has been labelled: one line of JSON per image, written by each worker into a file of its own.
//
//   journal/node7-4711-882301.jsonl
//   {"image":"a/b.jpg","mask":"a/b.png","hash":"<XXH3-128>","bytes":812,"worker":"node7-4711-882301"}
//   {"image":"c.jpg","error":"c.jpg is an empty file","worker":"node7-4711-882301"}
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "report/append_file.hpp"

namespace muster::label {

struct JournalEntry {
  std::string image;
  std::string mask;
  std::string hash;  // of the mask file's bytes
  std::uint64_t bytes = 0;
  std::string error;  // why there is no mask; then mask, hash and bytes are empty
  std::string worker;

  bool failed() const noexcept { return !error.empty(); }
};

std::string to_json_line(const JournalEntry& entry);

// The journal of one worker. One thread.
class Journal {
 public:
  Journal(const std::filesystem::path& folder, std::string worker);
  // One write to the system, so a killed worker leaves whole lines and at most one that is cut off. OutputError.
  void add(JournalEntry entry);

 private:
  std::string worker_;
  report::AppendFile file_;
};

struct MergedJournal {
  std::map<std::string, JournalEntry> by_image;
  // "a/b.jpg: worker x wrote a mask with hash ..., worker y ...": a mask that was changed by something else than Muster.
  std::vector<std::string> conflicts;
};

// All journals of a folder: one entry per image, a mask before an error. A last line without end is ignored. DataError, naming
// file and line, for any other line that is no entry.
MergedJournal read_journals(const std::filesystem::path& folder);

}  // namespace muster::label
