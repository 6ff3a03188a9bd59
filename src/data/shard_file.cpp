#include "data/shard_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <mutex>
#include <span>
#include <type_traits>

#include <fcntl.h>
#include <unistd.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "core/hash.hpp"

namespace muster::data {

namespace {

using image::Codec;

constexpr std::array kCodecNames = {io::H5EnumName{"none", static_cast<std::uint8_t>(Codec::kNone)},
                                    io::H5EnumName{"jpeg", static_cast<std::uint8_t>(Codec::kJpeg)},
                                    io::H5EnumName{"png", static_cast<std::uint8_t>(Codec::kPng)},
                                    io::H5EnumName{"zlib_raw", static_cast<std::uint8_t>(Codec::kZlibRaw)},
                                    io::H5EnumName{"zstd_raw", static_cast<std::uint8_t>(Codec::kZstdRaw)},
                                    io::H5EnumName{"webp", static_cast<std::uint8_t>(Codec::kWebp)}};

std::mutex& hdf5_lock() {
  static std::mutex lock;
  return lock;
}

using TableRow = std::array<std::int32_t, 4>;  // of a table

template <class T>
void write_any_column(hid_t file, const char* path, const std::vector<T>& values) {
  if constexpr (std::is_same_v<T, std::string>) {
    io::write_string_column(file, path, values);
  } else if constexpr (std::is_same_v<T, Codec>) {
    io::write_enum_column(file, path, {reinterpret_cast<const std::uint8_t*>(values.data()), values.size()}, kCodecNames);
  } else if constexpr (std::is_same_v<T, TableRow>) {
    const std::span flat(reinterpret_cast<const std::int32_t*>(values.data()), values.size() * TableRow().size());
    io::write_table<std::int32_t>(file, path, flat, TableRow().size());
  } else {
    io::write_column<T>(file, path, values);
  }
}

template <class T>
void read_any_column(hid_t file, const char* path, std::vector<T>& values) {
  if constexpr (std::is_same_v<T, std::string>) {
    values = io::read_string_column(file, path);
  } else if constexpr (std::is_same_v<T, Codec>) {
    const std::vector<std::uint8_t> numbers = io::read_column<std::uint8_t>(file, path);
    values.resize(numbers.size());
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      values[i] = static_cast<Codec>(numbers[i]);
    }
  } else if constexpr (std::is_same_v<T, TableRow>) {
    const std::vector<std::int32_t> flat = io::read_table<std::int32_t>(file, path, TableRow().size());
    values.resize(flat.size() / TableRow().size());
    for (std::size_t i = 0; i < flat.size(); ++i) {
      values[i / TableRow().size()][i % TableRow().size()] = flat[i];
    }
  } else {
    values = io::read_column<T>(file, path);
  }
}

// Upper bound of what the columns, the class list and HDF5's own structures take.
std::uint64_t index_bytes(const ShardIdentity& identity, const IndexColumns& columns) {
  constexpr std::uint64_t kStructures = 64 << 10;
  constexpr std::uint64_t kSampleBytes = 96;  // all fixed-width columns of a sample, /index/shard among them
  constexpr std::uint64_t kEntryBytes = 6;
  constexpr std::uint64_t kLabelBytes = 4;
  constexpr std::uint64_t kSegmentBytes = 29;
  std::size_t key = 1;
  for (const std::string& text : columns.key) {
    key = std::max(key, text.size());
  }
  std::size_t name = 1;
  for (const std::string& text : identity.classes.names) {
    name = std::max(name, text.size());
  }
  return kStructures + columns.size() * (key + kSampleBytes) + columns.class_id.size() * kEntryBytes + columns.labels.size() * kLabelBytes +
         columns.segment_area.size() * kSegmentBytes + identity.classes.size() * (name + 8);
}

void write_columns(hid_t file, TargetKind kind, const IndexColumns& columns) {
  (void)io::create_group(file, "index");
  if (kind == TargetKind::kSegmentMask) {
    (void)io::create_group(file, "segments");
  }
  visit_columns(columns, [&](const char* path, const auto& column, ColumnLength) {
    if (has_column(kind, path)) {
      write_any_column(file, path, column);
    }
  });
}

IndexColumns read_columns_of(hid_t file, TargetKind kind) {
  IndexColumns columns;
  visit_columns(columns, [&](const char* path, auto& column, ColumnLength) {
    if (has_column(kind, path)) {
      read_any_column(file, path, column);
    }
  });
  return columns;
}

void write_classes(hid_t file, const ClassList& classes) {
  const io::H5Group group = io::create_group(file, "classes");
  std::vector<std::uint8_t> colors;
  for (const auto& color : classes.colors) {
    colors.insert(colors.end(), color.begin(), color.end());
  }
  io::write_string_column(group.get(), "name", classes.names);
  io::write_column<std::int32_t>(group.get(), "source_id", classes.ids);
  io::write_table<std::uint8_t>(group.get(), "color", colors, 3);
  io::write_column<std::uint8_t>(group.get(), "isthing", classes.isthing);
}

void write_head(hid_t file, std::string_view format, const ShardIdentity& identity) {
  io::write_attribute(file, "format", format);
  io::write_attribute(file, "format_version", kFormatVersion);
  io::write_attribute(file, "task", identity.task);
  io::write_attribute(file, "split", identity.split);
  io::write_attribute(file, "plan_hash", identity.plan_hash);
  io::write_attribute(file, "producer", identity.producer);
  io::write_attribute(file, "orientation_policy", identity.orientation_policy);
  io::write_attribute(file, "ignore_index", std::int32_t{ignore_index(identity.target(), identity.classes.stored_void())});
}

std::size_t count_classes_of(hid_t file, const std::filesystem::path& path) {
  const std::vector<std::uint64_t> shape = io::dataset_shape(io::open_group(file, "classes").get(), "source_id");
  if (shape.size() != 1) {
    throw DataError("{}: /classes/source_id has {} dimensions, wanted 1; repack", path.string(), shape.size());
  }
  return shape[0];
}

FileHead read_head(hid_t file, std::string_view format, const std::filesystem::path& path) {
  check_format(io::read_string_attribute(file, "format"), io::read_u32x2_attribute(file, "format_version"), format, path.string());
  const auto text = [file](const char* name) {
    return io::has_attribute(file, name) ? io::read_string_attribute(file, name) : std::string();
  };
  const std::string task = io::read_string_attribute(file, "task");
  return {.task = task,
          .split = io::read_string_attribute(file, "split"),
          .plan_hash = io::read_string_attribute(file, "plan_hash"),
          .producer = text("producer"),
          .orientation_policy = text("orientation_policy"),
          .uuid = text("shard_uuid"),
          .fingerprint = text("fingerprint"),
          .target = target_kind(task, io::has_link(io::open_group(file, "index").get(), "labels_ptr"), path.string()),
          .num_classes = count_classes_of(file, path)};
}

}  // namespace

std::uint64_t create_shard_file(const std::filesystem::path& path, const ShardIdentity& identity, const IndexColumns& columns,
                                std::uint64_t payload_bytes) {
  const std::lock_guard turn(hdf5_lock());
  io::H5File file = io::create_h5_file(path, payload_bytes + index_bytes(identity, columns));
  std::uint64_t address = 0;
  {
    write_head(file.get(), kShardFormat, identity);
    io::write_attribute(file.get(), "shard_uuid", to_hex(shard_uuid(identity.plan_hash, identity.split, identity.number)));
    address = io::create_byte_block(file.get(), "payload", payload_bytes);
    io::write_attribute(file.get(), "payload_address", address);
    write_columns(file.get(), identity.target(), columns);
    write_classes(file.get(), identity.classes);
  }
  io::close_h5_file(file);
  return address;
}

ShardFile read_shard_file(const std::filesystem::path& path) {
  const std::lock_guard turn(hdf5_lock());
  const io::H5File file = io::open_h5_file(path);
  ShardFile shard{.head = read_head(file.get(), kShardFormat, path), .columns = {}, .payload = io::find_byte_block(file.get(), "payload")};
  shard.columns = read_columns_of(file.get(), shard.head.target);
  check_columns(shard.columns, shard.head.target, shard.head.num_classes, shard.payload.bytes, path.string());
  return shard;
}

void create_index_file(const std::filesystem::path& path, const ShardIdentity& identity, const IndexColumns& columns,
                       const std::vector<std::uint32_t>& shard) {
  const std::lock_guard turn(hdf5_lock());
  io::H5File file = io::create_h5_file(path, index_bytes(identity, columns));
  {
    write_head(file.get(), kIndexFormat, identity);
    io::write_attribute(file.get(), "fingerprint", fingerprint(columns));
    write_columns(file.get(), identity.target(), columns);
    io::write_column<std::uint32_t>(file.get(), "index/shard", shard);
    write_classes(file.get(), identity.classes);
  }
  io::close_h5_file(file);
}

IndexFile read_index_file(const std::filesystem::path& path) {
  const std::lock_guard turn(hdf5_lock());
  const io::H5File file = io::open_h5_file(path);
  IndexFile index{.head = read_head(file.get(), kIndexFormat, path), .columns = {}, .shard = {}};
  index.columns = read_columns_of(file.get(), index.head.target);
  index.shard = io::read_column<std::uint32_t>(file.get(), "index/shard");
  check_columns(index.columns, index.head.target, index.head.num_classes, 0, path.string());
  if (index.shard.size() != index.columns.size()) {
    throw DataError("{}: /index/shard has {} entries for {} samples; repack", path.string(), index.shard.size(), index.columns.size());
  }
  return index;
}

namespace {

template <class T>
io::H5Extent find_any_column(hid_t file, const char* name, const std::vector<T>&) {
  if constexpr (std::is_same_v<T, std::string>) {
    return io::find_string_column(file, name);
  } else if constexpr (std::is_same_v<T, Codec>) {
    return io::find_column<std::uint8_t>(file, name);
  } else if constexpr (std::is_same_v<T, std::array<std::int32_t, 4>>) {
    return io::find_table<std::int32_t>(file, name, 4);
  } else {
    return io::find_column<T>(file, name);
  }
}

}  // namespace

IndexPlaces find_index_columns(const std::filesystem::path& path) {
  const std::lock_guard turn(hdf5_lock());
  const io::H5File file = io::open_h5_file(path);
  IndexPlaces index{.head = read_head(file.get(), kIndexFormat, path), .columns = {}};
  const auto add = [&](const char* name, ColumnLength length, bool present, const auto& column) {
    const io::H5Extent place = present ? find_any_column(file.get(), name, column) : io::H5Extent{};
    index.columns.push_back(
        {.name = name, .length = length, .present = present, .address = place.address, .count = place.count, .width = place.width});
  };
  const IndexColumns schema;
  visit_columns(schema, [&](const char* name, const auto& column, ColumnLength length) {
    add(name, length, has_column(index.head.target, name), column);
  });
  add("index/shard", ColumnLength::kSamples, true, std::vector<std::uint32_t>());
  return index;
}

FileDigest file_digest(const std::filesystem::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    throw DataError("cannot open {}: {}", path.string(), errno_text(errno));
  }
  Xxh3Stream hash;
  FileDigest digest;
  std::vector<std::byte> block(std::size_t{1} << 20);
  while (true) {
    const ssize_t got = ::read(fd.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      throw DataError("cannot read {}: {}", path.string(), errno_text(errno));
    }
    if (got == 0) {
      digest.xxh3_128 = hash.hex();
      return digest;
    }
    hash.update(block.data(), static_cast<std::size_t>(got));
    digest.bytes += static_cast<std::uint64_t>(got);
  }
}

}  // namespace muster::data
