#include "core/hash.hpp"

#include <gtest/gtest.h>

namespace muster {
namespace {

TEST(Hash, MatchesPublishedValues) {
  EXPECT_EQ(xxh3_64(""), 0x2d06800538d394c2ULL);                       // xxHash's own sanity test, length 0, seed 0
  EXPECT_EQ(xxh3_128_hex(""), "99aa06d3014798d86001c324468d497f");     // the same, 128 bits
  const std::string_view digits = "123456789";                         // the usual check string of CRC-32
  EXPECT_EQ(crc32_of(std::as_bytes(std::span(digits))), 0xCBF43926u);
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
