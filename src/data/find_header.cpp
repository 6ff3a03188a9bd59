#include "data/find_header.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include <sys/stat.h>

#include "data/shard_fds.hpp"

namespace muster::data {

namespace {

constexpr std::uint64_t kSearchBlock = std::uint64_t{1} << 20;  // bytes

}  // namespace

std::optional<std::uint64_t> find_payload_header(int fd, const PayloadHeader& expected) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || static_cast<std::uint64_t>(status.st_size) < expected.payload_bytes ||
      expected.payload_bytes < kPayloadHeaderBytes) {
    return std::nullopt;
  }
  const std::uint64_t last = static_cast<std::uint64_t>(status.st_size) - expected.payload_bytes;  // where a whole payload can begin
  std::vector<std::byte> block(kSearchBlock + kPayloadHeaderBytes);
  for (std::uint64_t at = 0; at <= last; at += kSearchBlock) {
    const std::uint64_t starts = std::min(kSearchBlock, last - at + 1);
    const std::span<std::byte> bytes(block.data(), starts - 1 + kPayloadHeaderBytes);
    if (!read_fully(fd, at, bytes)) {
      return std::nullopt;
    }
    const std::byte* from = bytes.data();
    const std::byte* const end = bytes.data() + bytes.size();
    while (const void* hit = ::memmem(from, static_cast<std::size_t>(end - from), kPayloadMagic.data(), kPayloadMagic.size())) {
      const auto* header = static_cast<const std::byte*>(hit);
      if (static_cast<std::size_t>(end - header) < kPayloadHeaderBytes) {
        break;  // begins in the next block
      }
      if (header_matches(std::span<const std::byte, kPayloadHeaderBytes>(header, kPayloadHeaderBytes), expected)) {
        return at + static_cast<std::uint64_t>(header - bytes.data());
      }
      from = header + 1;
    }
  }
  return std::nullopt;
}

}  // namespace muster::data
