#include "report/tfrecord.hpp"

#include <gtest/gtest.h>

namespace muster::report {
namespace {

TEST(Tfrecord, HasTheChecksumsOfRfc3720) {  // appendix B.4: 32 bytes of zeros, of ones, counting up, counting down
  std::string up;
  std::string down;
  for (int i = 0; i < 32; ++i) {
    up.push_back(static_cast<char>(i));
    down.push_back(static_cast<char>(31 - i));
  }
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
  EXPECT_EQ(crc32c(up), 0x46DD794Eu);
  EXPECT_EQ(crc32c(down), 0x113FDB5Cu);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
}

TEST(Tfrecord, FramesThePayloadWithLengthAndTwoChecksums) {
  const std::string record = tfrecord("abc");
  ASSERT_EQ(record.size(), 8u + 4u + 3u + 4u);
  EXPECT_EQ(record.substr(0, 8), std::string("\x03\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(record.substr(12, 3), "abc");
  const std::uint32_t crc = masked_crc32c("abc");
  EXPECT_EQ(static_cast<std::uint8_t>(record[15]), crc & 0xFF);
  EXPECT_EQ(static_cast<std::uint8_t>(record[18]), crc >> 24);
}

}  // namespace
}  // namespace muster::report
