// Random access to the samples of one packed split, from any thread.
//
// The index comes from index-<split>.h5; samples are read with pread at the payload's recorded address, so HDF5 is not on
// the hot path. Every read is checked against the sample's CRC-32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/manifest.hpp"
#include "data/sample.hpp"
#include "data/shard_writer.hpp"

namespace muster::data {

class ShardReader {
 public:
  // Opens the index and checks it against the manifest (bytes, hash, length, fingerprint), and that every shard is there with its size.
  // DataError naming the file.
  ShardReader(std::filesystem::path folder, std::string split, const Manifest& manifest);
  ~ShardReader();
  ShardReader(ShardReader&&) noexcept;
  ShardReader& operator=(ShardReader&&) noexcept;

  std::uint32_t size() const noexcept;
  const std::string& split() const noexcept;
  const std::string& fingerprint() const noexcept;
  std::string key(std::uint32_t id) const;
  std::pair<int, int> upright_size(std::uint32_t id) const;  // height, width
  std::vector<ClassPixels> class_histogram(std::uint32_t id) const;

  // Safe from any thread. DataError "train-00017.h5: sample 42 (a/b.jpg): ..." after three tries when the bytes cannot be
  // read or their checksum differs.
  EncodedSample read(std::uint32_t id) const;
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

}  // namespace muster::data
