// All that the data module does with HDF5: shard and index files as a whole. Samples are never read through it.
//
// HDF5 may be built without locks: these functions take turns on one lock, so they can be called from any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/index_columns.hpp"
#include "data/shard_writer.hpp"
#include "io/hdf5.hpp"

namespace muster::data {

// What the attributes of a file say.
struct FileHead {
  std::string task;
  std::string split;
  std::string plan_hash;
  std::string producer;
  std::string orientation_policy;
  std::string uuid;         // of a shard; "" for an index
  std::string fingerprint;  // of an index; "" for a shard
  TargetKind target = TargetKind::kClassMask;
  std::size_t num_classes = 0;
};

// Everything of a shard but its payload's bytes, whose address comes back. Replaces what is at `path`, without renaming or
// flushing. OutputError when HDF5 cannot write.
std::uint64_t create_shard_file(const std::filesystem::path& path, const ShardIdentity& identity, const IndexColumns& columns,
                                std::uint64_t payload_bytes);

struct ShardFile {
  FileHead head;
  IndexColumns columns;  // checked against the payload and the number of classes
  io::H5ByteBlock payload;
};
// DataError naming the file when it is no shard, damaged, or of another major version.
ShardFile read_shard_file(const std::filesystem::path& path);

// index-<split>.h5: the same columns for the whole split, and for each sample the number of its shard.
struct IndexFile {
  FileHead head;
  IndexColumns columns;
  std::vector<std::uint32_t> shard;
};
void create_index_file(const std::filesystem::path& path, const ShardIdentity& identity, const IndexColumns& columns,
                       const std::vector<std::uint32_t>& shard);
IndexFile read_index_file(const std::filesystem::path& path);

// Where the columns of an index lie, for those who map the file (index_map.hpp).
struct ColumnPlace {
  std::string name;  // as visit_columns() says it; "index/shard" comes last
  ColumnLength length = ColumnLength::kSamples;
  bool present = false;                             // in a file of this task
  std::uint64_t address = 0, count = 0, width = 0;  // bytes from the start of the file, elements, bytes of each
};
struct IndexPlaces {
  FileHead head;
  std::vector<ColumnPlace> columns;
};
// Reads attributes and headers alone. DataError naming the file when it is no index, damaged, of another major version, or a column is
// not as FORMAT.md says. Whether the places fit together and into the file is for the caller to see.
IndexPlaces find_index_columns(const std::filesystem::path& path);

struct FileDigest {
  std::uint64_t bytes = 0;
  std::string xxh3_128;
};
// Of a whole file, read in blocks. DataError when it cannot be read.
FileDigest file_digest(const std::filesystem::path& path);

}  // namespace muster::data
