// The folder where data sets wait that runs have packed on the way: one folder per content, shared by all runs that name it.
//
//   CACHE/<32 hex digits>/        a packed data set; the digits are of what it was packed from
//   CACHE/<32 hex digits>.json    sources and plan of it, written when it is complete
//   CACHE/<32 hex digits>.lock    held while somebody packs it
//   CACHE/<32 hex digits>.source.json    the content that files had at their place, sizes and times: they need no second reading
//
// The digits of a data set are a hash of its sources' bytes, so touched, copied and freshly checked out files find it again. Only a set
// that has lost files is removed, to be packed again; a folder with its files may be deleted by hand when no run uses it.
#pragma once

#include <filesystem>
#include <string>

#include "app/source_content.hpp"
#include "core/atomic_file.hpp"
#include "pack/pack_options.hpp"

namespace muster::app {

// `key`, else $MUSTER_DATA_CACHE, else the folder data_cache beside the run's: runs/a keeps its data in runs/data_cache.
std::filesystem::path data_cache_folder(const std::string& key, const std::string& out);

// The content of sources, and the record by which the next run knows it without reading a file.
struct FoundContent {
  std::string fingerprint;
  std::filesystem::path new_record;  // "" when there is one, or when files changed while they were read
  std::string record_text;

  // Writes the record where one is wanted. The cache's folder is there; one that cannot be written is left alone, with a warning.
  void remember() const;
};
// Takes the fingerprint from the cache's record of these very files, else reads all of them. Writes nothing. PackStopped.
FoundContent find_content(const std::filesystem::path& cache, const SourceContent& content);

// One data set of the cache.
class CachedData {
 public:
  // Touches nothing yet.
  CachedData(const std::filesystem::path& cache, const std::string& fingerprint);

  const std::filesystem::path& folder() const noexcept { return folder_; }
  // Packed to the end, by its record, and with all files that its manifest names.
  bool complete() const;
  // Makes the cache's folder and waits until nobody else packs this data set; the lock is held until this object goes. A file system
  // without locks goes without. OutputError when the folder cannot be made, PackStopped when this process is asked to stop meanwhile.
  void lock();
  // With the lock held: removes a data set that was packed to the end and has lost files since, or whose manifest is damaged. What an
  // interrupted packing left stays, for pack() to go on with. OutputError.
  void clear_damage() const;
  // After pack(): the data set is complete.
  void record(const pack::PackOptions& options) const;

 private:
  std::string damage() const;  // one sentence, or ""

  std::filesystem::path folder_;
  std::filesystem::path record_;
  std::filesystem::path lock_path_;
  UniqueFd lock_;
};

}  // namespace muster::app
