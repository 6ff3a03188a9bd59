#include "data/index_map.hpp"

#include <algorithm>

#include "core/hash.hpp"

namespace muster::data {

namespace {

io::MappedFile map_index(const std::filesystem::path& path, const ManifestSplit& wanted, IndexCheck check) {
  io::MappedFile file(path);
  std::string digest;
  if (file.bytes().size() == wanted.index.bytes) {
    if (check == IndexCheck::kLayout) {
      return file;
    }
    file.read_ahead();
    Xxh3Stream hash;
    hash.update(file.bytes().data(), file.bytes().size());
    digest = hash.hex();
  }
  if (digest != wanted.index.xxh3_128) {
    throw DataError("index {} has {} bytes{}, the manifest wants {} with XXH3-128 {}; it is damaged: copy it again, or pack again",
                    path.string(), file.bytes().size(), digest.empty() ? "" : " with XXH3-128 " + digest, wanted.index.bytes,
                    wanted.index.xxh3_128);
  }
  return file;
}

}  // namespace

IndexMap::IndexMap(const std::filesystem::path& folder, const std::string& split, const ManifestSplit& wanted, IndexCheck check)
    : file_(map_index(folder / wanted.index.file, wanted, check)) {
  const std::string path = file_.path().string();
  IndexPlaces found = find_index_columns(file_.path());
  head_ = std::move(found.head);
  places_ = std::move(found.columns);
  check_places();
  const ColumnPlace& key = find("index/key");
  keys_ = {begin(key), key.count, key.width};
  if (size() != wanted.num_samples || head_.split != split) {
    throw DataError("index {} lists {} samples of split {}, the manifest wants {} of {}; pack again", path, size(), head_.split,
                    wanted.num_samples, split);
  }
  if (head_.fingerprint != wanted.fingerprint) {
    throw DataError("index {}: fingerprint {}, the manifest wants {}; pack again", path, head_.fingerprint, wanted.fingerprint);
  }
  if (check == IndexCheck::kWhole) {
    check_pointers();
    check_shards(wanted);
  }
}

const ColumnPlace& IndexMap::find(std::string_view name) const {
  const auto found = std::ranges::find(places_, name, &ColumnPlace::name);
  check(found != places_.end(), "IndexMap: no column is called {}", name);
  return *found;
}

// Every column lies inside the file and is as long as the others ask for. Entries belong to the pointers before them.
void IndexMap::check_places() const {
  const std::uint64_t samples = find("index/key").count;
  std::uint64_t entries = 0;
  for (const ColumnPlace& place : places_) {
    if (!place.present) {
      continue;
    }
    const std::uint64_t bytes = file_.bytes().size();
    if (place.address > bytes || place.count > (bytes - place.address) / std::max<std::uint64_t>(place.width, 1)) {
      throw DataError("{}: /{} would end at byte {} of {}; pack again", file_.path().string(), place.name,
                      place.address + place.count * place.width, bytes);
    }
    const bool pointers = place.length == ColumnLength::kSamplesPlusOne;
    const std::uint64_t wanted = pointers ? samples + 1 : place.length == ColumnLength::kSamples ? samples : entries;
    if (place.count != wanted) {
      throw DataError("{}: /{} has {} entries, wanted {} for {} samples; pack again", file_.path().string(), place.name, place.count,
                      wanted, samples);
    }
    if (pointers) {
      entries = MappedColumn<std::uint64_t>(begin(place), place.count)[samples];
    }
  }
}

// Start at 0 and never fall, so that whoever follows them stays inside the entries.
void IndexMap::check_pointers() const {
  for (const ColumnPlace& place : places_) {
    if (!place.present || place.length != ColumnLength::kSamplesPlusOne) {
      continue;
    }
    const MappedColumn<std::uint64_t> pointers(begin(place), place.count);
    std::uint64_t before = 0;
    for (std::size_t i = 0; i < pointers.size(); ++i) {
      if (pointers[i] < before || (i == 0 && pointers[i] != 0)) {
        throw DataError("{}: /{} is {} at row {}, wanted {} {}; pack again", file_.path().string(), place.name, pointers[i], i,
                        i == 0 ? "exactly" : "at least", before);
      }
      before = pointers[i];
    }
  }
}

void IndexMap::check_shards(const ManifestSplit& wanted) const {
  const auto shards = column<std::uint32_t>("index/shard");
  for (std::size_t id = 0; id < shards.size(); ++id) {
    const std::uint32_t shard = shards[id];
    if (shard >= wanted.shards.size() || id - wanted.shards[shard].first_index >= wanted.shards[shard].num_samples) {
      throw DataError("index {}: sample {} is said to be in shard {}, the manifest says otherwise; pack again", file_.path().string(), id,
                      shard);
    }
  }
}

}  // namespace muster::data
