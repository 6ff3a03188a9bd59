// `muster verify source=...`: what is stored against the files that it was packed from.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/index_columns.hpp"
#include "data/manifest.hpp"
#include "pack/ranks.hpp"
#include "pack/split_source.hpp"

namespace muster::pack {

struct VerifySources;

// The sources of one split. Images: stored bytes equal the file's where the index says that they were copied, decoded pixels equal where
// they were transcoded. Targets, with a recipe: read from the sources once more and compared decoded, so class mapping, labels and
// segments are part of it.
class SplitComparison {
 public:
  // Collective: lists the sources. nullptr, and a notice, when a recipe does not speak of this split. ConfigError, DataError as
  // SplitSource::list().
  static std::unique_ptr<SplitComparison> open(const VerifySources& sources, const data::Manifest& manifest, const std::string& split,
                                               Ranks& ranks, std::vector<std::string>& notices);

  // Row i, whose blobs these are. DataError that says what differs. Any thread.
  void check(const data::IndexColumns& columns, std::size_t i, std::span<const std::byte> image, std::span<const std::byte> mask) const;

 private:
  explicit SplitComparison(const data::Manifest& manifest) : manifest_(manifest) {}
  void check_image(const data::IndexColumns& columns, std::size_t i, std::span<const std::byte> stored, const io::SourceFile& file) const;
  void check_smaller(std::span<const std::byte> source, std::span<const std::byte> stored, const std::string& path) const;
  void check_target(const data::IndexColumns& columns, std::size_t i, std::span<const std::byte> mask, const SourceSample& sample) const;

  const data::Manifest& manifest_;
  std::vector<std::filesystem::path> folders_;
  std::unique_ptr<SplitSource> source_;                       // of a recipe
  std::map<std::string, SourceSample, std::less<>> samples_;  // by key
};

}  // namespace muster::pack
