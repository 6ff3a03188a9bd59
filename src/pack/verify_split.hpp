// The checks of verify() on one split, cut into items.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "data/index_columns.hpp"
#include "data/manifest.hpp"
#include "data/shard_file.hpp"
#include "pack/stored_image.hpp"
#include "pack/verify.hpp"
#include "pack/verify_findings.hpp"
#include "pack/verify_shard.hpp"
#include "pack/verify_source.hpp"

namespace muster::pack {

// One piece of the work: the index of a split, the file of a shard, or some samples of a shard.
struct VerifyItem {
  enum class Kind { kIndex, kFile, kSamples };
  Kind kind = Kind::kIndex;
  std::size_t shard = 0;
  std::uint32_t begin = 0, end = 0;  // samples of the shard
};

// Rows first to first + count of the columns, as a shard of their own has them.
data::IndexColumns rows_of(const data::IndexColumns& columns, std::size_t first, std::size_t count);

// What is read once is kept; any thread may run items.
class SplitUnderTest {
 public:
  // The references must outlive it. `source` may be null.
  SplitUnderTest(std::filesystem::path folder, const data::Manifest& manifest, std::string split, VerifyLevel level,
                 const SplitComparison* source);

  // In the order in which their findings are told.
  std::vector<VerifyItem> items() const;
  // `sums` grows by the pixels of the samples that were decoded.
  VerifyFindings run(const VerifyItem& item, PixelSums& sums);
  // The manifest's statistics of pixels, when `sums` are those of all samples.
  std::vector<VerifyProblem> check_pixel_statistics(const PixelSums& sums) const;

 private:
  struct Rows {
    const data::IndexColumns* columns;
    std::size_t base;  // row of the shard's first sample
  };

  void load_index();
  std::optional<Rows> rows_of_shard(std::size_t shard);
  void check_index(VerifyFindings& found);
  void check_class_numbers(VerifyFindings& found) const;
  void check_file(std::size_t shard, VerifyFindings& found);
  void check_contents(std::size_t shard);
  void check_samples(const VerifyItem& item, VerifyFindings& found, PixelSums& sums);

  std::filesystem::path folder_;
  const data::Manifest& manifest_;
  std::string name_;
  const data::ManifestSplit& split_;
  VerifyLevel level_;
  const SplitComparison* source_;
  std::vector<std::unique_ptr<ShardUnderTest>> shards_;
  std::once_flag index_loaded_;
  std::optional<data::IndexFile> index_;  // none: index_problem_ says why
  std::string index_problem_;
};

}  // namespace muster::pack
