// Looks at every source file before anything is written: what can be known to be wrong is told at once.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pack/inspect_sample.hpp"
#include "pack/pack_options.hpp"
#include "pack/problems.hpp"
#include "pack/ranks.hpp"
#include "pack/split_source.hpp"

namespace muster::pack {

struct SkippedFile {
  std::string key;
  std::string reason;
  bool operator==(const SkippedFile&) const = default;
};

struct NamedProblem {
  ProblemKind kind = ProblemKind::kUnreadable;
  std::string key;  // of the image
  std::string text;
};

struct UndeclaredTotal {
  std::uint64_t pixels = 0;
  std::size_t files = 0;
};

struct SplitPreflight {
  std::string split;
  SplitSources sources;
  std::shared_ptr<const SplitSource> source;
  std::string orientation;             // auto, apply or ignore: what holds for these masks
  std::vector<PlannedSample> samples;  // ascending by key
  std::vector<SkippedFile> skipped;    // under on_error=skip
  std::size_t images = 0;              // found, whatever became of them
  std::size_t other_files = 0;
  std::size_t targets_without_image = 0;
  std::size_t images_without_target = 0;                   // left out: no annotation names them
  std::vector<std::string> lonely_targets, lonely_images;  // the first of them, see Listing
  std::uint64_t source_bytes = 0;                          // of `samples`
  std::map<ProblemKind, std::size_t> problems;
  std::vector<std::string> first_problems;   // sentences, the first ten
  std::vector<NamedProblem> named_problems;  // the first kMostNamed, with undeclared values
  // Where the targets were looked at (preflight=full):
  bool targets_known = false;
  std::map<std::string, UndeclaredTotal> undeclared;  // by pixel value
  std::size_t files_undeclared = 0;
  std::string first_undeclared;                      // the sentence of the first file, "" = none
  std::vector<std::uint64_t> class_pixels;           // by dense index
  std::vector<std::uint64_t> class_images;           // by dense index
  std::vector<std::vector<std::string>> duplicates;  // keys of images with the same bytes, each group and its keys ascending
  std::vector<std::uint64_t> content_hashes;         // by sample; 0 = not known, as no file looked at so far has its size
};

// Collective; the same result on all ranks. Problems of all kinds go to `problems`; they name their files.
SplitPreflight inspect_split(const std::string& split, const SplitSources& sources, std::shared_ptr<SplitSource> source,
                             const PackOptions& options, Ranks& ranks, Problems& problems);

// UndeclaredValueError when a target holds values that nothing declares: the first file's sentence, and how many more.
void throw_if_undeclared(const std::vector<SplitPreflight>& splits);

// Throws DataError when more than most_skipped() of the images were skipped.
void check_skipped(const SplitPreflight& split, std::size_t skipped, const PackOptions& options);

}  // namespace muster::pack
