#include "data/index_map.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/tiny_dataset.hpp"

namespace muster::data {
namespace {

// As HDF5 reads it.
template <class T>
void expect_equal(const IndexMap& map, const char* name, const std::vector<T>& wanted) {
  SCOPED_TRACE(name);
  if constexpr (std::is_same_v<T, std::string>) {
    ASSERT_EQ(map.keys().size(), wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_EQ(map.keys()[i], wanted[i]);
    }
  } else {
    const MappedColumn<T> column = map.column<T>(name);
    ASSERT_EQ(column.size(), wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_EQ(column[i], wanted[i]) << i;
    }
  }
}

class IndexMapTest : public testing::Test {
 protected:
  const ManifestSplit& split() const { return packed_.manifest.splits.at("train"); }
  std::string error(const ManifestSplit& wanted, IndexCheck check) const {
    try {
      const IndexMap map(packed_.folder.path(), "train", wanted, check);
    } catch (const DataError& error) {
      return error.what();
    }
    return "accepted";
  }
  TinyDataset packed_{11, 3};
};

TEST_F(IndexMapTest, ShowsWhatHdf5Reads) {
  const IndexMap map(packed_.folder.path(), "train", split(), IndexCheck::kWhole);
  const IndexFile file = read_index_file(packed_.folder / "index-train.h5");
  ASSERT_EQ(map.size(), 11U);
  visit_columns(file.columns, [&](const char* name, const auto& column, ColumnLength) { expect_equal(map, name, column); });
  expect_equal(map, "index/shard", file.shard);
  EXPECT_EQ(map.head().fingerprint, split().fingerprint);
}

TEST_F(IndexMapTest, RefusesNamesAndTypesThatAreNone) {
  const IndexMap map(packed_.folder.path(), "train", split(), IndexCheck::kLayout);
  EXPECT_THROW((void)map.column<std::uint32_t>("index/hight"), InvariantError);
  EXPECT_THROW((void)map.column<std::uint64_t>("index/height"), InvariantError);
}

TEST_F(IndexMapTest, KnowsAnotherSplitByCountNameAndFingerprint) {
  ManifestSplit wanted = split();
  wanted.num_samples = 10;
  EXPECT_NE(error(wanted, IndexCheck::kLayout).find("lists 11 samples"), std::string::npos);
  wanted = split();
  wanted.fingerprint.assign(32, '0');
  EXPECT_NE(error(wanted, IndexCheck::kLayout).find("fingerprint"), std::string::npos);
  EXPECT_THROW(IndexMap(packed_.folder.path(), "val", split(), IndexCheck::kLayout), DataError);
}

TEST_F(IndexMapTest, KnowsSamplesThatTheManifestPutsIntoAnotherShard) {
  ManifestSplit wanted = split();
  wanted.shards[1].first_index += 1;
  EXPECT_NE(error(wanted, IndexCheck::kWhole).find("is said to be in shard 1"), std::string::npos);
}

TEST_F(IndexMapTest, OnlyTheWholeCheckSeesAFlippedBit) {
  const IndexFile before = read_index_file(packed_.folder / "index-train.h5");
  const io::H5File file = io::open_h5_file(packed_.folder / "index-train.h5");
  flip_byte(packed_.folder / "index-train.h5", io::find_column<std::uint32_t>(file.get(), "index/image_crc32").address);
  EXPECT_NE(error(split(), IndexCheck::kWhole).find("it is damaged"), std::string::npos);
  EXPECT_EQ(error(split(), IndexCheck::kLayout), "accepted");  // the first rank of the node has looked
}

TEST_F(IndexMapTest, AnIndexThatIsTooShortIsRefusedByBothChecks) {
  std::filesystem::resize_file(packed_.folder / "index-train.h5", split().index.bytes - 100);
  for (const IndexCheck check : {IndexCheck::kWhole, IndexCheck::kLayout}) {
    EXPECT_NE(error(split(), check).find("index-train.h5"), std::string::npos);
  }
}

// As a file system would leave it that lost the end of the file, with a manifest that was written for it.
TEST_F(IndexMapTest, ColumnsPastTheEndOfTheFileAreRefused) {
  ManifestSplit wanted = split();
  for (std::uint64_t bytes = wanted.index.bytes - 1; bytes > 0; bytes -= std::min<std::uint64_t>(bytes, 331)) {
    std::filesystem::resize_file(packed_.folder / "index-train.h5", bytes);
    wanted.index.bytes = bytes;
    EXPECT_NE(error(wanted, IndexCheck::kLayout), "accepted") << bytes;
  }
}

TEST(ShardReader, SaysThatTheIndexBecameShorterWhileItWasRead) {
  const TinyDataset packed(5, 1);
  const ShardReader reader = Dataset::open(packed.folder.path()).split("train");
  EXPECT_NO_THROW((void)reader.read(2));
  std::filesystem::resize_file(packed.folder / "index-train.h5", 100);
  try {
    (void)reader.read(2);
    FAIL() << "not noticed";
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("index-train.h5 is shorter than"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace muster::data
