// What a run may find on its disk: shards that are missing, of another set, locked, rewritten by h5repack, or damaged anywhere.
#include <cstdlib>
#include <functional>

#include <fcntl.h>
#include <sys/file.h>

#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "data/tiny_dataset.hpp"

namespace muster::data {
namespace {

namespace fs = std::filesystem;

std::string refusal_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const DataError& error) {
    return error.what();
  }
  return "no error";
}

// Every sample as it is stored.
std::vector<EncodedSample> read_all(const fs::path& folder) {
  const ShardReader reader = Dataset::open(folder).split("train");
  std::vector<EncodedSample> samples;
  for (std::uint32_t id = 0; id < reader.size(); ++id) {
    samples.push_back(reader.read(id));
  }
  return samples;
}

void expect_tiny(const std::vector<EncodedSample>& samples) {
  for (const EncodedSample& sample : samples) {
    const Sample decoded = decode(sample);
    EXPECT_EQ(decoded.image, tiny_sample(sample.id).image) << sample.id;
    EXPECT_EQ(decoded.target, tiny_sample(sample.id).target) << sample.id;
  }
}

void repack(const fs::path& path, const std::string& options) {
  const std::string out = path.string() + ".repacked";
  ASSERT_EQ(std::system(("h5repack " + options + " '" + path.string() + "' '" + out + "'").c_str()), 0);
  fs::rename(out, path);
}

// --- shards ---------------------------------------------------------------------------------------------------------------

TEST(BadInput, AShardThatIsMissingOrTooShortIsNamedWhenTheSplitIsOpened) {
  const TinyDataset packed(6, 3);
  fs::resize_file(packed.folder / "train-00002.h5", 100);
  EXPECT_NE(refusal_of([&] { (void)Dataset::open(packed.folder.path()).split("train"); }).find("train-00002.h5 has 100 bytes"),
            std::string::npos);
  fs::remove(packed.folder / "train-00002.h5");
  EXPECT_NE(refusal_of([&] { (void)Dataset::open(packed.folder.path()).split("train"); }).find("train-00002.h5 with 2 samples is missing"),
            std::string::npos);
  // The other ranks of the node leave this to the first.
  EXPECT_NO_THROW((void)Dataset::open(packed.folder.path()).split("train", IndexCheck::kLayout));
}

TEST(BadInput, AShardOfAnotherDataSetIsRefused) {
  const TinyDataset packed(4, 2);
  const testing_support::TemporaryFolder other;
  std::vector<SampleRecord> records;  // the same name, number and length, other content
  for (const std::uint32_t id : {6U, 7U}) {
    records.push_back(tiny_record(id));
  }
  ShardIdentity identity = tiny_identity(0);
  identity.plan_hash = "another plan";
  ShardWriter writer(identity);
  for (SampleRecord& record : records) {
    writer.add(std::move(record));
  }
  (void)writer.finish(other.path());
  fs::copy_file(other / "train-00000.h5", packed.folder / "train-00000.h5", fs::copy_options::overwrite_existing);
  const std::string message = refusal_of([&] { (void)read_all(packed.folder.path()); });
  EXPECT_NE(message.find("train-00000.h5"), std::string::npos) << message;
}

TEST(BadInput, AFolderInPlaceOfAShardIsRefused) {
  const TinyDataset packed(2, 1);
  fs::remove(packed.folder / "train-00000.h5");
  fs::create_directory(packed.folder / "train-00000.h5");
  EXPECT_NE(refusal_of([&] { (void)read_all(packed.folder.path()); }).find("train-00000.h5"), std::string::npos);
}

// --- locks ----------------------------------------------------------------------------------------------------------------

TEST(BadInput, FilesThatAnotherProgramHasLockedAreRead) {
  const TinyDataset packed(5, 2);
  std::vector<UniqueFd> holders;
  for (const char* name : {"train-00000.h5", "train-00001.h5", "index-train.h5"}) {
    holders.emplace_back(::open((packed.folder / name).c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_EQ(::flock(holders.back().get(), LOCK_EX | LOCK_NB), 0) << name;
  }
  expect_tiny(read_all(packed.folder.path()));
}

TEST(BadInput, ARepackedShardThatIsLockedIsReadThroughHdf5) {
  const TinyDataset packed(3, 1);
  repack(packed.folder / "train-00000.h5", "");
  const UniqueFd holder(::open((packed.folder / "train-00000.h5").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(holder.get(), LOCK_EX | LOCK_NB), 0);
  expect_tiny(read_all(packed.folder.path()));
}

// --- h5repack -------------------------------------------------------------------------------------------------------------

TEST(BadInput, AShardThatH5repackRewroteIsRead) {
  const TinyDataset packed(5, 2);
  const auto before = fs::file_size(packed.folder / "train-00001.h5");
  repack(packed.folder / "train-00001.h5", "-t 1 -a 4096");  // everything to page boundaries
  EXPECT_NE(fs::file_size(packed.folder / "train-00001.h5"), before);
  expect_tiny(read_all(packed.folder.path()));
}

TEST(BadInput, AShardThatH5repackCompressedIsRefusedByName) {
  const TinyDataset packed(5, 1);
  repack(packed.folder / "train-00000.h5", "-l payload:CHUNK=512 -f payload:GZIP=1");
  const std::string message = refusal_of([&] { (void)read_all(packed.folder.path()); });
  EXPECT_NE(message.find("train-00000.h5"), std::string::npos) << message;
}

TEST(BadInput, AnIndexThatH5repackRewroteIsRefusedByName) {
  const TinyDataset packed(5, 1);
  repack(packed.folder / "index-train.h5", "");
  const std::string message = refusal_of([&] { (void)read_all(packed.folder.path()); });
  EXPECT_NE(message.find("index-train.h5"), std::string::npos) << message;
}

// --- flipped bits ---------------------------------------------------------------------------------------------------------

// Either nothing that training reads was hit, or the file is named; never other bytes than were packed.
TEST(BadInput, AFlippedBitAnywhereInAShardIsNamedOrHarmless) {
  const TinyDataset packed(2, 1);
  const ManifestShard shard = packed.manifest.splits.at("train").shards[0];
  const std::vector<EncodedSample> wanted = read_all(packed.folder.path());
  int named = 0;
  const auto in_payload = [&](std::uint64_t offset) {
    return offset >= shard.payload_address && offset < shard.payload_address + shard.payload_bytes;
  };
  for (std::uint64_t offset = 0; offset < shard.bytes; ++offset) {
    if (!in_payload(offset) && offset % 19 != 0) {
      continue;  // HDF5's own structures, which reading a sample does not touch
    }
    flip_byte(packed.folder / shard.file, offset);
    const ShardReader reader(packed.folder.path(), "train", packed.manifest, IndexCheck::kLayout, {.waits = {}});
    for (const EncodedSample& sample : wanted) {
      try {
        const EncodedSample found = reader.read(sample.id);
        ASSERT_TRUE(found.image == sample.image && found.mask == sample.mask) << "byte " << offset << " of sample " << sample.id;
      } catch (const DataError& error) {
        ASSERT_NE(std::string(error.what()).find("train-00000.h5"), std::string::npos) << error.what();
        ++named;
      }
    }
    flip_byte(packed.folder / shard.file, offset);
  }
  // Every byte of the blobs is seen once, and those of the header for both samples.
  std::size_t blobs = 0;
  for (const EncodedSample& sample : wanted) {
    blobs += sample.image.size() + sample.mask.size();
  }
  EXPECT_GE(named, static_cast<int>(blobs + 2 * (kPayloadHeaderBytes - 2)));
}

TEST(BadInput, AFlippedBitAnywhereInTheIndexIsNamed) {
  const TinyDataset packed(2, 1);
  const ManifestSplit& split = packed.manifest.splits.at("train");
  for (std::uint64_t offset = 0; offset < split.index.bytes; offset += 3) {
    flip_byte(packed.folder / "index-train.h5", offset);
    const std::string message = refusal_of([&] { (void)ShardReader(packed.folder.path(), "train", packed.manifest); });
    ASSERT_NE(message.find("index-train.h5"), std::string::npos) << "byte " << offset << ": " << message;
    flip_byte(packed.folder / "index-train.h5", offset);
  }
}

}  // namespace
}  // namespace muster::data
