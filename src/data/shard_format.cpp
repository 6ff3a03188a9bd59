#include "data/shard_format.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include <fmt/format.h>

#include "core/error.hpp"
#include "core/hash.hpp"

namespace muster::data {

static_assert(std::endian::native == std::endian::little, "shards are read and written without swapping bytes");

namespace {

constexpr std::uint32_t kHeaderVersion = kFormatVersion[0] << 16 | kFormatVersion[1];

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

template <class T>
T load(const std::byte* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

}  // namespace

ShardUuid shard_uuid(std::string_view plan_hash, std::string_view split, std::uint32_t shard_number) {
  return uuid_from_hex(xxh3_128_hex(fmt::format("{}\n{}\n{}", plan_hash, split, shard_number)), "shard_uuid");
}

std::string to_hex(const ShardUuid& uuid) {
  std::string text;
  for (const std::byte b : uuid) {
    text += fmt::format("{:02x}", std::to_integer<unsigned>(b));
  }
  return text;
}

ShardUuid uuid_from_hex(std::string_view hex, std::string_view where) {
  ShardUuid uuid{};
  const bool digits = std::ranges::all_of(hex, [](char c) { return hex_digit(c) >= 0; });
  if (hex.size() != 2 * uuid.size() || !digits) {
    throw DataError("{}: \"{}\" is no shard uuid; wanted 32 hexadecimal digits", where, hex);
  }
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    uuid[i] = static_cast<std::byte>(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
  }
  return uuid;
}

std::array<std::byte, kPayloadHeaderBytes> pack_header(const PayloadHeader& header) {
  std::array<std::byte, kPayloadHeaderBytes> bytes{};
  std::memcpy(bytes.data(), kPayloadMagic.data(), kPayloadMagic.size());
  std::memcpy(bytes.data() + 8, &kHeaderVersion, 4);
  std::memcpy(bytes.data() + 16, header.uuid.data(), header.uuid.size());
  std::memcpy(bytes.data() + 32, &header.payload_bytes, 8);
  return bytes;
}

bool header_matches(std::span<const std::byte, kPayloadHeaderBytes> bytes, const PayloadHeader& expected) noexcept {
  const bool magic = std::memcmp(bytes.data(), kPayloadMagic.data(), kPayloadMagic.size()) == 0;
  const bool major = load<std::uint32_t>(bytes.data() + 8) >> 16 == kFormatVersion[0];
  const bool flags = load<std::uint32_t>(bytes.data() + 12) == 0;
  const bool uuid = std::memcmp(bytes.data() + 16, expected.uuid.data(), expected.uuid.size()) == 0;
  const bool length = load<std::uint64_t>(bytes.data() + 32) == expected.payload_bytes;
  const bool padding = std::ranges::all_of(bytes.subspan<40>(), [](std::byte b) { return b == std::byte{0}; });
  return magic && major && flags && uuid && length && padding;
}

void check_format(std::string_view format, std::array<std::uint32_t, 2> version, std::string_view wanted, std::string_view where) {
  if (format != wanted) {
    throw DataError("{}: the format is \"{}\", wanted \"{}\"; is this file from `muster pack`?", where, format, wanted);
  }
  if (version[0] != kFormatVersion[0]) {
    throw DataError("{}: format version {}.{}, this program reads {}.x; pack again, or use the program that wrote it", where, version[0],
                    version[1], kFormatVersion[0]);
  }
}

std::string shard_file_name(std::string_view split, std::uint32_t shard_number) {
  return fmt::format("{}-{:05}.h5", split, shard_number);
}

std::string index_file_name(std::string_view split, std::uint32_t generation) {
  return generation == 0 ? fmt::format("index-{}.h5", split) : fmt::format("index-{}.g{}.h5", split, generation);
}

}  // namespace muster::data
