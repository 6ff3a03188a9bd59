#include "data/index_columns.hpp"

#include <cstring>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "data/shard_format.hpp"

namespace muster::data {

void append_columns(IndexColumns& columns, const IndexColumns& more) {
  const std::uint64_t entries = columns.class_id.size();
  if (columns.class_ptr.empty()) {
    columns.class_ptr.push_back(0);
  }
  for (std::size_t i = 1; i < more.class_ptr.size(); ++i) {
    columns.class_ptr.push_back(entries + more.class_ptr[i]);
  }
  // Both walks give the columns in the same order, so the sources can be looked up by name.
  visit_columns(more, [&columns](std::string_view name, const auto& source, ColumnLength length) {
    if (length == ColumnLength::kSamplesPlusOne) {
      return;
    }
    visit_columns(columns, [&](std::string_view other, auto& target, ColumnLength) {
      if constexpr (std::is_same_v<std::remove_cvref_t<decltype(source)>, std::remove_cvref_t<decltype(target)>>) {
        if (name == other) {
          target.insert(target.end(), source.begin(), source.end());
        }
      }
    });
  });
}

namespace {

void check_blob(const IndexColumns& c, std::size_t i, const char* kind, std::uint64_t offset, std::uint64_t size,
                std::uint64_t payload_bytes, std::uint64_t& free_from, const std::string& where) {
  if (offset < free_from || offset > payload_bytes || size > payload_bytes - offset) {
    throw DataError("{}: sample {} ({}): its {} is at bytes {} to {}, wanted inside {} to {} of the payload; repack this shard", where, i,
                    c.key[i], kind, offset, offset + size, free_from, payload_bytes);
  }
  free_from = offset + size;
}

}  // namespace

void check_columns(const IndexColumns& columns, std::uint64_t payload_bytes, const std::string& where) {
  const std::size_t samples = columns.size();
  const std::size_t entries = columns.class_id.size();
  visit_columns(columns, [&](std::string_view name, const auto& column, ColumnLength length) {
    const std::size_t wanted = length == ColumnLength::kSamples ? samples : length == ColumnLength::kEntries ? entries : samples + 1;
    if (column.size() != wanted) {
      throw DataError("{}: /index/{} has {} entries, wanted {} for {} samples; repack", where, name, column.size(), wanted, samples);
    }
  });
  if (columns.class_ptr.front() != 0 || columns.class_ptr.back() != entries) {
    throw DataError("{}: /index/class_ptr runs from {} to {}, wanted 0 to {}; repack", where, columns.class_ptr.front(),
                    columns.class_ptr.back(), entries);
  }
  std::uint64_t free_from = kPayloadHeaderBytes;
  for (std::size_t i = 0; i < samples; ++i) {
    if (columns.class_ptr[i] > columns.class_ptr[i + 1]) {
      throw DataError("{}: /index/class_ptr falls at sample {} ({}); repack", where, i, columns.key[i]);
    }
    if (columns.orientation[i] < 1 || columns.orientation[i] > 8) {
      throw DataError("{}: sample {} ({}): orientation {}, wanted 1 to 8; repack", where, i, columns.key[i], columns.orientation[i]);
    }
    if (payload_bytes > 0) {
      check_blob(columns, i, "image", columns.image_offset[i], columns.image_size[i], payload_bytes, free_from, where);
      if (columns.mask_size[i] > 0) {
        check_blob(columns, i, "mask", columns.mask_offset[i], columns.mask_size[i], payload_bytes, free_from, where);
      }
    }
  }
}

std::string fingerprint(const IndexColumns& columns) {
  Xxh3Stream hash;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::uint32_t numbers[3] = {columns.image_size[i], columns.image_crc32[i], columns.mask_crc32[i]};
    hash.update(columns.key[i].c_str(), columns.key[i].size() + 1);
    hash.update(numbers, sizeof numbers);
  }
  return hash.hex();
}

}  // namespace muster::data
