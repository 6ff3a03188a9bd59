#include "core/hash.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>
#include <zlib.h>

#include "core/random.hpp"

namespace muster {
namespace {

std::vector<std::byte> random_bytes(std::size_t count) {
  std::vector<std::byte> bytes(count);
  const RandomSequence random(11, RandomStream::kAugment, 0, 0, 0);
  for (std::size_t i = 0; i < count; ++i) {
    bytes[i] = static_cast<std::byte>(random.bits(static_cast<std::uint32_t>(i)));
  }
  return bytes;
}

TEST(Hash, MatchesPublishedValues) {
  EXPECT_EQ(xxh3_64(""), 0x2d06800538d394c2ULL);                       // xxHash's own sanity test, length 0, seed 0
  EXPECT_EQ(xxh3_128_hex(""), "99aa06d3014798d86001c324468d497f");     // the same, 128 bits
  const std::string_view digits = "123456789";                         // the usual check string of CRC-32
  EXPECT_EQ(crc32_of(std::as_bytes(std::span(digits))), 0xCBF43926u);
}

// Every length up to where blocks of 256, 32 and 16 bytes and a rest all come and go, from every alignment.
TEST(Hash, Crc32EqualsZlib) {
  const std::vector<std::byte> bytes = random_bytes(6000);
  for (std::size_t length = 0; length <= 3000; ++length) {
    const auto part = std::span(bytes).subspan(length % 33, length);
    ASSERT_EQ(crc32_of(part), crc32(0, reinterpret_cast<const Bytef*>(part.data()), static_cast<uInt>(part.size()))) << length << " bytes";
  }
  for (std::size_t start = 0; start < 64; ++start) {
    const auto part = std::span(bytes).subspan(start);
    ASSERT_EQ(crc32_of(part), crc32(0, reinterpret_cast<const Bytef*>(part.data()), static_cast<uInt>(part.size()))) << "from " << start;
  }
}

TEST(Hash, Crc32WhileCopyingCopiesAllAndNoMore) {
  const std::vector<std::byte> bytes = random_bytes(3100);
  for (std::size_t length = 0; length <= 3000; ++length) {
    const auto part = std::span(bytes).subspan(length % 33, length);
    std::vector<std::byte> wanted(3010, std::byte{0xA5});
    std::ranges::copy(part, wanted.begin() + static_cast<std::ptrdiff_t>(length % 7));
    std::vector<std::byte> copy(3010, std::byte{0xA5});
    ASSERT_EQ(crc32_while_copying(part, copy.data() + length % 7), crc32_of(part)) << length << " bytes";
    ASSERT_EQ(copy, wanted) << length << " bytes";
  }
}

TEST(Hash, AStreamEqualsTheWhole) {
  const std::string text(100'000, 'x');
  Xxh3Stream stream;
  stream.update(std::string_view(text).substr(0, 7));
  stream.update(std::string_view(text).substr(7));
  EXPECT_EQ(stream.hex(), xxh3_128_hex(text));
}

}  // namespace
}  // namespace muster
