// The folder where data sets wait that runs have packed on the way: one folder per content, shared by all runs that name it.
//
//   CACHE/<32 hex digits>/        a packed data set; the digits are of what it was packed from
//   CACHE/<32 hex digits>.json    sources and plan of it, written when it is complete
//   CACHE/<32 hex digits>.lock    held while somebody packs it
//
// Nothing is ever removed: a folder with its two files may be deleted by hand when no run uses it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "core/atomic_file.hpp"
#include "pack/pack_options.hpp"

namespace muster::app {

// `key`, else $MUSTER_DATA_CACHE, else the folder data_cache beside the run's: runs/a keeps its data in runs/data_cache.
std::filesystem::path data_cache_folder(const std::string& key, const std::string& out);

// What a data set would be packed from.
struct SourceContent {
  std::string fingerprint;  // XXH3-128 of options, classes, and key, size and time of each file; no place enters it
  std::size_t files = 0;
  std::uint64_t bytes = 0;  // about what the packed set takes
};
// Lists all sources, in this process alone. Throws as pack() does for options and folders; what is wrong with single samples is
// left to pack().
SourceContent source_content(const pack::PackOptions& options);

// One data set of the cache.
class CachedData {
 public:
  // Touches nothing yet.
  CachedData(const std::filesystem::path& cache, const std::string& fingerprint);

  const std::filesystem::path& folder() const noexcept { return folder_; }
  // Packed to the end, by its record.
  bool complete() const;
  // Makes the cache's folder and waits until nobody else packs this data set; the lock is held until this object goes. A file system
  // without locks goes without. OutputError when the folder cannot be made, PackStopped when this process is asked to stop meanwhile.
  void lock();
  // After pack(): the data set is complete.
  void record(const pack::PackOptions& options) const;

 private:
  std::filesystem::path folder_;
  std::filesystem::path record_;
  std::filesystem::path lock_path_;
  UniqueFd lock_;
};

}  // namespace muster::app
