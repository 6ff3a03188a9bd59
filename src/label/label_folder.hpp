// Names of what stands in OUT/_muster/.
#pragma once

#include <filesystem>

#include "io/source_scan.hpp"

namespace muster::label {

struct LabelFolder {
  std::filesystem::path out;

  std::filesystem::path notes() const { return out / io::kNotesFolder; }
  std::filesystem::path plan() const { return notes() / "plan.jsonl"; }
  std::filesystem::path classes() const { return notes() / "classes.yaml"; }
  std::filesystem::path claims() const { return notes() / "claims"; }
  std::filesystem::path journals() const { return notes() / "journal"; }
  std::filesystem::path merged_journal() const { return notes() / "journal.jsonl"; }
  std::filesystem::path failed() const { return notes() / "failed.csv"; }
  std::filesystem::path overlays() const { return notes() / "overlays"; }
  std::filesystem::path temporaries() const { return notes() / "tmp"; }
};

}  // namespace muster::label
