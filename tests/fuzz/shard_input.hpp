// A small data set whose columns and payload are what a fuzzer gives, behind hashes that are right.
//
// Index and shards are compared with the manifest's XXH3-128 before anything reads them (data/FORMAT.md, "Damage"), so arbitrary bytes
// of a file go no further than that. What is tried here lies behind it: a packer that wrote wrong numbers, and files whose hashes were made
// to fit. HDF5's own structures stay whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "data/manifest.hpp"
#include "data/shard_file.hpp"
#include "data/target_kind.hpp"
#include "support/memory_file.hpp"

namespace muster::fuzz {

class ShardInput {
 public:
  // Packs three images: PNG, JPEG and a turned PNG, with targets of this kind. The files lie in memory.
  explicit ShardInput(data::TargetKind kind);
  ~ShardInput();
  ShardInput(const ShardInput&) = delete;
  ShardInput& operator=(const ShardInput&) = delete;

  // The bytes that, put in, give the set as it was packed: all columns of the index behind one another, then the payload.
  std::string seed() const;
  // Replaces the columns' and the payload's bytes, as many as there are; the rest stays as packed. With `mend`, the checksums of
  // blobs that lie in the payload are made to fit, so that they get as far as the decoders. The manifest fits both files.
  const data::Manifest& put(std::span<const std::uint8_t> bytes, bool mend);

  const std::filesystem::path& folder() const noexcept { return folder_; }
  std::filesystem::path index_path() const { return folder_ / "index-train.h5"; }

 private:
  void mend_checksums(std::string& index, const std::string& shard) const;
  const data::ColumnPlace& place(std::string_view name) const;

  std::filesystem::path folder_;
  data::Manifest manifest_;
  std::vector<data::ColumnPlace> places_;
  std::string index_, shard_;  // the files as they were packed
  testing_support::MemoryFile index_file_, shard_file_;
};

}  // namespace muster::fuzz
