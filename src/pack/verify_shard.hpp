// The checks of verify() on one shard's file, and where its samples are read from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>

#include "core/atomic_file.hpp"
#include "data/manifest.hpp"
#include "data/shard_file.hpp"

namespace muster::pack {

// A shard as it lies on the disk. Looked at when something is asked first; from then on nothing changes. Any thread.
class ShardUnderTest {
 public:
  ShardUnderTest(std::filesystem::path folder, const data::ManifestShard& entry);

  const data::ManifestShard& entry() const noexcept { return entry_; }
  std::filesystem::path path() const { return folder_ / entry_.file; }

  // What is wrong with size, place and header; "" when nothing is.
  const std::string& problem();
  // Whether samples can be read, perhaps in spite of a problem; from which byte of the file on, and how far the file goes.
  bool readable();
  std::uint64_t payload_address();
  std::uint64_t file_bytes();
  // Opened anew, so that no more files are open than threads are at work. DataError.
  UniqueFd open() const;

  // XXH3-128 of the file is that of the manifest. Reads all of it, once.
  bool whole();
  // Head, columns and payload as HDF5 reads them, once. DataError.
  const data::ShardFile& contents();

 private:
  void look();

  std::filesystem::path folder_;
  const data::ManifestShard& entry_;
  std::once_flag looked_, hashed_, read_;
  std::string problem_;
  bool readable_ = false;
  std::uint64_t payload_address_ = 0;
  std::uint64_t file_bytes_ = 0;
  std::string hash_;
  std::optional<data::ShardFile> contents_;
};

}  // namespace muster::pack
