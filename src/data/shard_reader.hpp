// Random access to the samples of one packed split, from any thread.
//
// The index is index-<split>.h5, mapped read-only; samples are read at the payload's recorded address, with pread unless told otherwise, so
// HDF5 is not on the hot path. Every read is checked against the sample's CRC-32, and counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/blob_read.hpp"
#include "data/index_map.hpp"
#include "data/manifest.hpp"
#include "data/read_options.hpp"
#include "data/sample.hpp"
#include "data/shard_writer.hpp"

namespace muster::data {

class ShardReader {
 public:
  // Maps the index and checks it against the manifest; with kWhole, which one rank per node says, also that every shard is there.
  // DataError naming the file.
  ShardReader(std::filesystem::path folder, std::string split, const Manifest& manifest, IndexCheck check = IndexCheck::kWhole,
              const ReadOptions& options = {});
  ~ShardReader();
  ShardReader(ShardReader&&) noexcept;
  ShardReader& operator=(ShardReader&&) noexcept;

  std::uint32_t size() const noexcept;
  const std::string& split() const noexcept;
  const std::string& fingerprint() const noexcept;
  std::string key(std::uint32_t id) const;
  std::pair<int, int> upright_size(std::uint32_t id) const;  // height, width
  TargetKind target() const noexcept;
  std::vector<ClassPixels> class_histogram(std::uint32_t id) const;  // empty where there are no masks
  std::vector<std::int32_t> labels(std::uint32_t id) const;          // dense indices of an image's labels; empty where there are none

  // The same, into memory that is used again: for going over a whole set.
  void class_histogram_into(std::uint32_t id, std::vector<ClassPixels>& histogram) const;
  void labels_into(std::uint32_t id, std::vector<std::int32_t>& labels) const;

  // Safe from any thread. DataError "train-00017.h5: sample 42 (a/b.jpg): ..." after four tries when the bytes cannot be
  // read or their checksum differs; also when the index has become shorter since it was opened.
  EncodedSample read(std::uint32_t id) const;
  // The same, into the memory of a sample that is not needed any more. After an error `sample` holds nothing of use.
  void read_into(std::uint32_t id, EncodedSample& sample) const;
  // The sample will be read soon: the system fetches its bytes while something else is done. Any thread; says nothing about a shard that
  // cannot be opened, read() will.
  void will_read(std::uint32_t id) const noexcept;
  ReadCounters counters() const noexcept;
  // "train-00017.h5: sample 42 (a/b.jpg)", 42 counted within the shard: what errors call a sample.
  std::string place(std::uint32_t id) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Pixels, upright: the EXIF orientation that the index asks for is applied. Any thread. DataError naming `where`,
// which is "sample ID (KEY)" unless given.
Sample decode(const EncodedSample& encoded, std::string_view where);
Sample decode(const EncodedSample& encoded);
// Sample::target alone; empty where the sample has no mask. Any thread. DataError naming `where`.
image::LabelMap decode_target(const EncodedSample& encoded, std::string_view where);

}  // namespace muster::data
