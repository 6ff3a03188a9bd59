#include "io/hdf5.hpp"

#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "support/temporary_folder.hpp"

namespace muster::io {
namespace {

using testing_support::TemporaryFolder;

constexpr H5EnumName kColours[] = {{"red", 0}, {"green", 1}, {"blue", 5}};
constexpr std::uint64_t kBlockBytes = 3 << 20;

void write_example(const std::filesystem::path& path) {
  H5File file = create_h5_file(path);
  {
    const H5Group index = create_group(file.get(), "index");
    write_column<std::uint8_t>(index.get(), "u8", std::vector<std::uint8_t>{1, 255});
    write_column<std::uint16_t>(index.get(), "u16", std::vector<std::uint16_t>{2, 65535});
    write_column<std::uint32_t>(index.get(), "u32", std::vector<std::uint32_t>{3, 4294967295u});
    write_column<std::uint64_t>(index.get(), "u64", std::vector<std::uint64_t>{4, ~0ull});
    write_column<std::int32_t>(index.get(), "i32", std::vector<std::int32_t>{-5, 5});
    write_column<std::uint32_t>(index.get(), "none", {});
    write_table<std::int32_t>(index.get(), "boxes", std::vector<std::int32_t>{1, 2, 3, 4, 5, 6, 7, 8}, 4);
    write_enum_column(index.get(), "colour", std::vector<std::uint8_t>{0, 5, 1}, kColours);
    write_string_column(index.get(), "key", std::vector<std::string>{"a/ä.jpg", "", "long/name.png"});
    write_string_column(index.get(), "no_keys", {});
  }
  write_attribute(file.get(), "format", "muster-test");
  write_attribute(file.get(), "nothing", "");
  write_attribute(file.get(), "format_version", std::array<std::uint32_t, 2>{1, 0});
  write_attribute(file.get(), "ignore_index", std::int32_t{255});
  write_attribute(file.get(), "payload_address", create_byte_block(file.get(), "payload", kBlockBytes));
  close_h5_file(file);
}

TEST(Hdf5, ReadsBackEveryTypeOfColumnAndAttribute) {
  const TemporaryFolder folder;
  write_example(folder / "a.h5");
  const H5File file = open_h5_file(folder / "a.h5");
  const H5Group index = open_group(file.get(), "index");
  EXPECT_EQ(read_column<std::uint8_t>(index.get(), "u8"), (std::vector<std::uint8_t>{1, 255}));
  EXPECT_EQ(read_column<std::uint16_t>(index.get(), "u16"), (std::vector<std::uint16_t>{2, 65535}));
  EXPECT_EQ(read_column<std::uint32_t>(index.get(), "u32"), (std::vector<std::uint32_t>{3, 4294967295u}));
  EXPECT_EQ(read_column<std::uint64_t>(index.get(), "u64"), (std::vector<std::uint64_t>{4, ~0ull}));
  EXPECT_EQ(read_column<std::int32_t>(index.get(), "i32"), (std::vector<std::int32_t>{-5, 5}));
  EXPECT_TRUE(read_column<std::uint32_t>(index.get(), "none").empty());
  EXPECT_EQ(read_table<std::int32_t>(index.get(), "boxes", 4), (std::vector<std::int32_t>{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(dataset_shape(index.get(), "boxes"), (std::vector<std::uint64_t>{2, 4}));
  EXPECT_EQ(read_column<std::uint8_t>(index.get(), "colour"), (std::vector<std::uint8_t>{0, 5, 1}));
  EXPECT_EQ(read_string_column(index.get(), "key"), (std::vector<std::string>{"a/ä.jpg", "", "long/name.png"}));
  EXPECT_TRUE(read_string_column(index.get(), "no_keys").empty());
  EXPECT_EQ(read_string_attribute(file.get(), "format"), "muster-test");
  EXPECT_EQ(read_string_attribute(file.get(), "nothing"), "");
  EXPECT_EQ(read_u32x2_attribute(file.get(), "format_version"), (std::array<std::uint32_t, 2>{1, 0}));
  EXPECT_EQ(read_i32_attribute(file.get(), "ignore_index"), 255);
  EXPECT_TRUE(has_link(file.get(), "index"));
  EXPECT_FALSE(has_link(file.get(), "segments"));
  EXPECT_TRUE(has_attribute(file.get(), "format"));
  EXPECT_FALSE(has_attribute(file.get(), "task"));
}

TEST(Hdf5, GivesTheBlockAnAddressWhereBytesWrittenFromOutsideAreFound) {
  const TemporaryFolder folder;
  const auto path = folder / "a.h5";
  write_example(path);
  H5ByteBlock block;
  {
    const H5File file = open_h5_file(path);
    block = find_byte_block(file.get(), "payload");
    EXPECT_EQ(read_u64_attribute(file.get(), "payload_address"), block.address);
  }
  EXPECT_EQ(block.bytes, kBlockBytes);
  EXPECT_EQ(block.address % 4096, 0u);  // above 1 MiB: on a page boundary
  std::fstream raw(path, std::ios::in | std::ios::out | std::ios::binary);
  raw.seekp(static_cast<std::streamoff>(block.address + block.bytes - 3));
  raw << "end";
  raw.close();
  const H5File file = open_h5_file(path);
  const std::vector<std::uint8_t> bytes = read_column<std::uint8_t>(file.get(), "payload");
  EXPECT_EQ(std::string(bytes.end() - 3, bytes.end()), "end");
  EXPECT_EQ(bytes[0], 0);
}

TEST(Hdf5, WritesTheSameBytesTwiceAlthoughTimePasses) {
  const TemporaryFolder folder;
  write_example(folder / "a.h5");
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // HDF5 keeps times in whole seconds
  write_example(folder / "b.h5");
  EXPECT_EQ(read_file(folder / "a.h5"), read_file(folder / "b.h5"));
}

TEST(Hdf5, PassesHdf5sOwnReasonsOn) {
  const TemporaryFolder folder;
  std::ofstream(folder / "text.h5") << "not HDF5 at all";
  try {
    (void)open_h5_file(folder / "text.h5");
    ADD_FAILURE();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("text.h5"), testing::HasSubstr("file signature not found")));
  }
  EXPECT_THROW((void)open_h5_file(folder / "missing.h5"), DataError);
  EXPECT_THROW((void)create_h5_file(folder / "no" / "folder.h5"), OutputError);
}

TEST(Hdf5, RefusesToBeginAFileThatDoesNotFitTheDisk) {
  const TemporaryFolder folder;
  try {
    (void)create_h5_file(folder / "large.h5", std::uint64_t{1} << 60);
    ADD_FAILURE();
  } catch (const OutputError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("large.h5"));
  }
  EXPECT_EQ(std::filesystem::file_size(folder / "large.h5"), 0u);
}

TEST(Hdf5, RefusesAnotherTypeOrShapeThanAskedFor) {
  const TemporaryFolder folder;
  write_example(folder / "a.h5");
  const H5File file = open_h5_file(folder / "a.h5");
  const H5Group index = open_group(file.get(), "index");
  EXPECT_THROW((void)read_column<std::uint32_t>(index.get(), "i32"), DataError);   // sign
  EXPECT_THROW((void)read_column<std::uint32_t>(index.get(), "u16"), DataError);   // width
  EXPECT_THROW((void)read_column<std::uint8_t>(index.get(), "key"), DataError);    // kind
  EXPECT_THROW((void)read_column<std::int32_t>(index.get(), "boxes"), DataError);  // dimensions
  EXPECT_THROW((void)read_table<std::int32_t>(index.get(), "boxes", 3), DataError);
  EXPECT_THROW((void)read_string_column(index.get(), "u8"), DataError);
  EXPECT_THROW((void)read_u64_attribute(file.get(), "ignore_index"), DataError);
  EXPECT_THROW((void)read_string_attribute(file.get(), "ignore_index"), DataError);
  try {
    (void)read_column<std::uint8_t>(index.get(), "missing");
    ADD_FAILURE();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("a.h5:/index/missing"));
  }
}

TEST(Hdf5, SurvivesDamageAnywhereInItsMetadata) {
  const TemporaryFolder folder;
  write_example(folder / "good.h5");
  const std::string good = read_file(folder / "good.h5");
  int refused = 0;
  for (std::size_t at = 0; at < 6000; at += 23) {
    std::string bad = good.substr(0, 6000);  // the block's bytes are not looked at
    bad[at] = static_cast<char>(~bad[at]);
    bad.resize(good.size());
    std::ofstream(folder / "bad.h5", std::ios::binary) << bad;
    try {
      const H5File file = open_h5_file(folder / "bad.h5");
      const H5Group index = open_group(file.get(), "index");
      (void)read_column<std::uint64_t>(index.get(), "u64");
      (void)read_string_column(index.get(), "key");
      (void)find_byte_block(file.get(), "payload");
    } catch (const DataError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 10);
}

}  // namespace
}  // namespace muster::io
