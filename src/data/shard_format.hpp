// Constants of the shard format `muster-shard` 1.0 and the 64 bytes at the start of each payload. Layout: FORMAT.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace muster::data {

inline constexpr std::string_view kShardFormat = "muster-shard";
inline constexpr std::string_view kIndexFormat = "muster-index";
inline constexpr std::string_view kDatasetFormat = "muster-dataset";
inline constexpr std::array<std::uint32_t, 2> kFormatVersion = {1, 0};  // another major is refused, a higher minor accepted

inline constexpr std::string_view kPayloadMagic = "MUSTERS1";
inline constexpr std::size_t kPayloadHeaderBytes = 64;
inline constexpr std::size_t kBlobAlignment = 16;  // bytes; every blob starts on a multiple, from the start of the payload

using ShardUuid = std::array<std::byte, 16>;

// XXH3-128 of "plan hash \n split \n number": the same plan gives the same shards wherever it is packed.
ShardUuid shard_uuid(std::string_view plan_hash, std::string_view split, std::uint32_t shard_number);
std::string to_hex(const ShardUuid& uuid);                              // 32 digits
ShardUuid uuid_from_hex(std::string_view hex, std::string_view where);  // DataError naming `where`

// Little-endian at the start of the payload: magic[8], version u32 (major << 16 | minor), flags u32 (0), uuid[16],
// payload_bytes u64 (header included), 24 zero bytes.
struct PayloadHeader {
  ShardUuid uuid{};
  std::uint64_t payload_bytes = 0;
};
std::array<std::byte, kPayloadHeaderBytes> pack_header(const PayloadHeader& header);
// False when magic, major version, padding, uuid or length differ from what is `expected`.
bool header_matches(std::span<const std::byte, kPayloadHeaderBytes> bytes, const PayloadHeader& expected) noexcept;

// DataError unless format is `wanted` and the major version ours.
void check_format(std::string_view format, std::array<std::uint32_t, 2> version, std::string_view wanted, std::string_view where);

// Bits of /index/flags: what was noticed of the source image.
enum SampleFlag : std::uint16_t {
  kFlagCmyk = 1 << 0,
  kFlagProgressiveSource = 1 << 1,
  kFlagTranscoded = 1 << 2,
  kFlagHadAlpha = 1 << 3,
  kFlagPalette = 1 << 4,
  kFlagDecodeWarning = 1 << 5,  // e.g. extraneous bytes before a marker; the decode was complete
};

// "train-00017.h5"; "index-train.h5", and "index-train.g2.h5" where shards were appended: runs that go on keep the index they opened.
std::string shard_file_name(std::string_view split, std::uint32_t shard_number);
std::string index_file_name(std::string_view split, std::uint32_t generation = 0);

}  // namespace muster::data
