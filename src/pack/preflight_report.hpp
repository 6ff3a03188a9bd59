// What the pre-flight saw, for people and as JSON.
#pragma once

#include <string>
#include <vector>

#include "io/value.hpp"
#include "pack/duplicates.hpp"
#include "pack/preflight.hpp"

namespace muster::pack {

struct PreflightReport {
  std::vector<SplitPreflight> splits;
  Problems problems;                 // what stops packing
  std::vector<std::string> notices;  // of the sources: what was ignored, which images two splits share
  std::vector<SharedImages> shared;  // where targets were looked at

  // Throws what pack() would stop with: DataError, UndeclaredValueError.
  void throw_if_bad(const PackOptions& options) const;
};

// "no_target", "name", "size", "orientation", "unreadable", "undeclared", "annotation"
const char* problem_kind_name(ProblemKind kind) noexcept;

// A paragraph per split, lines ending in \n; with `classes`, a line for each class. Sentences on single files stand there only when packing
// goes on without these files: otherwise the error brings them.
std::string report_text(const PreflightReport& report, bool classes);
// {"splits": {"train": {"images": ..., "samples": ..., "problems": {KIND: COUNT}, "problem_list": [{"kind", "key", "text"}],
//                       "images_without_target": ..., "undeclared": [...], "classes": [...], "duplicates": {...}}},
//  "shared": [{"split": "val", "also_in": "train", "images": ..., "first": [[KEY, KEY]]}], "notices": [...], "ready": true}.
// Groups of duplicates: the first hundred. problem_list, lonely_targets (masks or labels without image) and lonely_images (without
// annotation): the first kMostNamed; several_pages counts images of which only the first page or frame is packed; images_without_target counts problems of kind no_target and lonely images.
io::Value report_tree(const PreflightReport& report, const PackOptions& options);

}  // namespace muster::pack
