#include "io/zip_directory.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "support/temporary_folder.hpp"
#include "support/torch_zip.hpp"

namespace muster::io {
namespace {

using testing::HasSubstr;
using testing_support::raw;
using testing_support::StoredZip;
using testing_support::TemporaryFolder;

class ZipDirectoryTest : public testing::Test {
 protected:
  InputFile put(const std::string& bytes) {
    std::ofstream(folder_ / "a.zip", std::ios::binary) << bytes;
    return InputFile(folder_ / "a.zip");
  }

  std::string refusal(const std::string& bytes) {
    const InputFile file = put(bytes);
    try {
      const ZipDirectory zip(file);
      zip.require_stored(file);
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr("a.zip"));
      return error.what();
    }
    ADD_FAILURE() << "accepted";
    return {};
  }

  // The good zip with some of its bytes replaced.
  static std::string patched(std::string bytes, std::size_t at, const std::string& replacement) {
    return bytes.replace(at, replacement.size(), replacement);
  }

  TemporaryFolder folder_;
  StoredZip two_ = StoredZip().add("m/a", "12345").add("m/b", "678");
};

TEST_F(ZipDirectoryTest, FindsTheBytesOfEachEntry) {
  for (const bool zip64 : {false, true}) {
    SCOPED_TRACE(zip64);
    two_.zip64 = zip64;
    two_.comment = zip64 ? "" : "made by hand";
    const InputFile file = put(two_.bytes());
    const ZipDirectory zip(file);
    ASSERT_EQ(zip.entries().size(), 2u);
    const ZipEntry* entry = zip.find("m/b");
    ASSERT_NE(entry, nullptr);
    std::string data(entry->bytes, '\0');
    file.read(entry->offset, entry->bytes, data.data());
    EXPECT_EQ(data, "678");
    EXPECT_EQ(zip.find("m/c"), nullptr);
  }
}

TEST_F(ZipDirectoryTest, ReadsAnEntryBehindFourGigabytes) {
  // A sparse file: only its ends take room on the disk.
  const std::uint64_t size = 5ull << 30;
  const std::string local = "PK\x03\x04" + raw<std::uint16_t>(45) + std::string(14, '\0') + raw(~std::uint32_t{0}) + raw(~std::uint32_t{0});
  const auto local_of = [&](const std::string& name) {
    std::string header = local.substr(0, 18) + raw(~std::uint32_t{0}) + raw(~std::uint32_t{0});
    return header + raw(static_cast<std::uint16_t>(name.size())) + raw<std::uint16_t>(0) + name;
  };
  const auto listed = [&](const std::string& name, std::uint64_t bytes, std::uint64_t offset) {
    return "PK\x01\x02" + std::string(16, '\0') + raw(~std::uint32_t{0}) + raw(~std::uint32_t{0}) +
           raw(static_cast<std::uint16_t>(name.size())) + raw<std::uint16_t>(28) + std::string(10, '\0') + raw(~std::uint32_t{0}) + name +
           raw<std::uint16_t>(1) + raw<std::uint16_t>(24) + raw(bytes) + raw(bytes) + raw(offset);
  };
  const std::uint64_t second = 31 + size;
  const std::string directory = listed("a", size, 0) + listed("b", 3, second);
  const std::uint64_t start = second + 31 + 3;
  std::ofstream out(folder_ / "a.zip", std::ios::binary);
  out << local_of("a");
  out.seekp(static_cast<std::streamoff>(second));
  out << local_of("b") << "xyz" << directory << "PK\x06\x06" << raw<std::uint64_t>(44) << std::string(12, '\0') << raw<std::uint64_t>(2)
      << raw<std::uint64_t>(2) << raw<std::uint64_t>(directory.size()) << raw(start) << "PK\x06\x07" << raw<std::uint32_t>(0)
      << raw(start + directory.size()) << raw<std::uint32_t>(1) << "PK\x05\x06" << std::string(4, '\0') << std::string(4, '\xff')
      << raw<std::uint32_t>(static_cast<std::uint32_t>(directory.size())) << raw(~std::uint32_t{0}) << raw<std::uint16_t>(0);
  out.close();
  const InputFile file(folder_ / "a.zip");
  const ZipDirectory zip(file);
  EXPECT_EQ(zip.find("a")->bytes, size);
  std::string data(3, '\0');
  file.read(zip.find("b")->offset, 3, data.data());
  EXPECT_EQ(data, "xyz");
}

TEST_F(ZipDirectoryTest, RefusesWhatIsNotStoredInOneFile) {
  StoredZip other = two_;
  other.method = 8;
  EXPECT_THAT(refusal(other.bytes()), testing::AllOf(HasSubstr("'m/a' is compressed (method 8)"), HasSubstr("weights_only=True")));
  other = two_;
  other.flags = 1;
  EXPECT_THAT(refusal(other.bytes()), HasSubstr("'m/a' is encrypted"));
  const std::string good = two_.bytes();
  EXPECT_THAT(refusal(patched(good, good.size() - 18, raw<std::uint16_t>(1))), HasSubstr("put the parts together"));
}

TEST_F(ZipDirectoryTest, RefusesEntriesThatOverlapOrLieOutside) {
  const std::string good = two_.bytes();
  const std::size_t first = good.find("PK\x01\x02");
  const std::size_t second = good.find("PK\x01\x02", first + 4);
  // Sizes are in the directory and in the local header; with flag bit 3 only the directory counts.
  StoredZip follow = two_;
  follow.flags = 8;
  const std::string long_one = raw<std::uint32_t>(50) + raw<std::uint32_t>(50);
  EXPECT_THAT(refusal(patched(follow.bytes(), first + 20, long_one)), HasSubstr("'m/a' of 50 bytes at 33 runs into 'm/b'"));
  EXPECT_THAT(refusal(patched(follow.bytes(), second + 20, long_one)), HasSubstr("'m/b' of 50 bytes at 71 runs into the directory"));
  EXPECT_THAT(refusal(patched(good, first + 20, long_one)), HasSubstr("has 5 bytes by its header and 50 by the directory"));
  EXPECT_THAT(refusal(patched(good, second + 42, raw<std::uint32_t>(0))), HasSubstr("is not the one of the directory"));
  EXPECT_THAT(refusal(patched(good, second + 42, raw<std::uint32_t>(4000))), HasSubstr("starts at byte 4000"));
  EXPECT_THAT(refusal(patched(good, second + 20, raw<std::uint32_t>(9))), HasSubstr("has 9 bytes of 3"));
  EXPECT_THAT(refusal(StoredZip().add("m/a", "1").add("m/a", "2").bytes()), HasSubstr("two entries 'm/a'"));
}

TEST_F(ZipDirectoryTest, RefusesADirectoryThatDoesNotFit) {
  const std::string good = two_.bytes();
  EXPECT_THAT(refusal(""), HasSubstr("directory is missing at its end"));
  EXPECT_THAT(refusal(good.substr(0, good.size() - 1)), HasSubstr("directory is missing at its end"));
  EXPECT_THAT(refusal(good + "x"), HasSubstr("directory is missing at its end"));
  EXPECT_THAT(refusal(patched(good, good.size() - 6, raw<std::uint32_t>(1))), HasSubstr("cannot lie in bytes 1"));
  EXPECT_THAT(refusal(patched(good, good.size() - 14, raw<std::uint32_t>(0x00090009))), HasSubstr("directory of 9 entries"));
  EXPECT_THAT(refusal(patched(good, good.size() - 14, raw<std::uint32_t>(0x00010001))), HasSubstr("has 2 entries, 1 were announced"));
  two_.zip64 = true;
  const std::string wide = two_.bytes();
  const std::size_t record = wide.find("PK\x06\x06");
  EXPECT_THAT(refusal(patched(wide, record + 32, raw<std::uint64_t>(~0ull))), HasSubstr("zip64 record"));
  EXPECT_THAT(refusal(patched(wide, wide.find("PK\x06\x07") + 8, raw<std::uint64_t>(~0ull))), HasSubstr("zip64 record is said to be"));
  EXPECT_THAT(refusal(patched(wide, wide.find("PK\x01\x02") + 46 + 3, raw<std::uint16_t>(2))), HasSubstr("needs a zip64 field"));
}

TEST_F(ZipDirectoryTest, ChecksTheChecksumWhenAsked) {
  const InputFile file = put(two_.bytes());
  ZipEntry entry = *ZipDirectory(file).find("m/a");
  entry.crc32 = 0xcbf53a1c;  // of "12345", as `crc32` prints it
  EXPECT_NO_THROW(check_crc(file, entry));
  entry.crc32 = 1;
  try {
    check_crc(file, entry);
    ADD_FAILURE();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("'m/a' have the checksum cbf53a1c, 00000001 was stored"));
  }
}

TEST_F(ZipDirectoryTest, RefusesFoldersAndPipesAsFiles) {
  EXPECT_THROW(InputFile(folder_.path()), DataError);
  EXPECT_THROW(InputFile("/dev/null"), DataError);
  EXPECT_THROW(InputFile(folder_ / "none"), DataError);
}

}  // namespace
}  // namespace muster::io
