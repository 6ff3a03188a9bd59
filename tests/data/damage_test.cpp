// One flipped bit anywhere in what training reads is a DataError that names the place, never a wrong picture.
#include <chrono>
#include <fstream>
#include <future>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "data/find_header.hpp"
#include "data/shard_fds.hpp"
#include "data/tiny_dataset.hpp"

namespace muster::data {
namespace {

// The message of the DataError that `call` throws.
template <class Call>
std::string data_error(Call&& call) {
  try {
    call();
  } catch (const DataError& error) {
    return error.what();
  }
  ADD_FAILURE() << "no DataError";
  return {};
}

TEST(Damage, InAnImageNamesShardSampleAndKey) {
  const TinyDataset packed(5, 2);
  const ManifestShard shard = packed.manifest.splits.at("train").shards[1];
  const IndexColumns columns = read_columns(packed.folder / shard.file);
  flip_byte(packed.folder / shard.file, shard.payload_address + columns.image_offset[1] + columns.image_size[1] / 2);
  const ShardReader reader = Dataset::open(packed.folder.path()).split("train");
  EXPECT_NO_THROW((void)reader.read(2));
  const std::string message = data_error([&] { (void)reader.read(3); });
  EXPECT_NE(message.find("train-00001.h5: sample 1 (folder 1/image-003.png)"), std::string::npos) << message;
  EXPECT_NE(message.find("CRC-32"), std::string::npos) << message;
}

TEST(Damage, InAMaskNamesTheSample) {
  const TinyDataset packed(5, 2);
  const ManifestShard shard = packed.manifest.splits.at("train").shards[0];
  const IndexColumns columns = read_columns(packed.folder / shard.file);
  flip_byte(packed.folder / shard.file, shard.payload_address + columns.mask_offset[0]);
  const std::string message = data_error([&] { (void)Dataset::open(packed.folder.path()).split("train").read(0); });
  EXPECT_NE(message.find("the mask of"), std::string::npos) << message;
}

TEST(Damage, InEachByteOfThePayloadHeaderNamesTheShard) {
  for (std::uint64_t byte = 0; byte < kPayloadHeaderBytes; ++byte) {
    if (byte == 8 || byte == 9) {
      continue;  // the minor version, of which any is read
    }
    SCOPED_TRACE(byte);
    const TinyDataset packed(1, 1);
    const ManifestShard shard = packed.manifest.splits.at("train").shards[0];
    flip_byte(packed.folder / shard.file, shard.payload_address + byte);
    const std::string message = data_error([&] { (void)Dataset::open(packed.folder.path()).split("train").read(0); });
    EXPECT_NE(message.find("train-00000.h5"), std::string::npos) << message;
  }
}

TEST(Damage, AnywhereInTheIndexNamesTheIndex) {
  const TinyDataset packed(3, 1);
  const std::uint64_t bytes = packed.manifest.splits.at("train").index.bytes;
  for (std::uint64_t offset = 0; offset < bytes; offset += bytes / 23) {
    SCOPED_TRACE(offset);
    flip_byte(packed.folder / "index-train.h5", offset);
    const std::string message = data_error([&] { (void)Dataset::open(packed.folder.path()).split("train"); });
    EXPECT_NE(message.find("index-train.h5"), std::string::npos) << message;
    flip_byte(packed.folder / "index-train.h5", offset);
  }
  EXPECT_NO_THROW((void)Dataset::open(packed.folder.path()).split("train"));
}

TEST(Damage, AMissingShardIsSaidBeforeTheFirstRead) {
  const TinyDataset packed(4, 2);
  std::filesystem::remove(packed.folder / "train-00001.h5");
  const std::string message = data_error([&] { (void)Dataset::open(packed.folder.path()).split("train"); });
  EXPECT_NE(message.find("train-00001.h5"), std::string::npos) << message;
}

TEST(Damage, AnotherShardUnderTheNameIsRefused) {
  const TinyDataset packed(4, 2);
  std::filesystem::copy_file(packed.folder / "train-00000.h5", packed.folder / "train-00001.h5",
                             std::filesystem::copy_options::overwrite_existing);
  const std::string message = data_error([&] { (void)Dataset::open(packed.folder.path()).split("train").read(3); });
  EXPECT_NE(message.find("train-00001.h5"), std::string::npos) << message;
}

TEST(Damage, ATruncatedShardIsRefused) {
  const TinyDataset packed(4, 1);
  const ManifestShard shard = packed.manifest.splits.at("train").shards[0];
  std::filesystem::resize_file(packed.folder / shard.file, shard.payload_address + shard.payload_bytes / 2);
  const std::string message = data_error([&] { (void)Dataset::open(packed.folder.path()).split("train").read(0); });
  EXPECT_NE(message.find("truncated"), std::string::npos) << message;
}

// h5repack moves the payload: the file is then searched for its header.
TEST(ShardFds, FindsAPayloadThatWasMoved) {
  const TinyDataset packed(3, 1);
  Manifest manifest = packed.manifest;
  manifest.splits.at("train").shards[0].payload_address += 4096;
  const ShardReader reader(packed.folder.path(), "train", manifest);
  EXPECT_EQ(decode(reader.read(2)).image, tiny_sample(2).image);
}

TEST(FindHeader, FindsThePayloadWhereverItLiesWhole) {
  const testing_support::TemporaryFolder folder;
  const PayloadHeader header{.uuid = shard_uuid("p", "train", 0), .payload_bytes = 200};
  const PayloadHeader other{.uuid = shard_uuid("p", "train", 1), .payload_bytes = 200};
  const auto text = [](const PayloadHeader& of) {
    const auto bytes = pack_header(of);
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) + std::string(136, 'b');
  };
  constexpr std::size_t kBlock = std::size_t{1} << 20;
  for (const std::size_t at :
       {std::size_t{0}, std::size_t{1}, std::size_t{777}, kBlock - 64, kBlock - 63, kBlock - 1, kBlock, 2 * kBlock + 5}) {
    SCOPED_TRACE(at);
    // Another header and the beginning of one stand before it where there is room.
    std::string bytes = at > 500 ? text(other) + "MUSTERS1" : "";
    bytes.resize(at, 'M');
    for (const std::size_t missing : {0u, 1u}) {
      write_file_atomically(folder / "file", bytes + text(header).substr(0, 200 - missing));
      const UniqueFd fd(::open((folder / "file").c_str(), O_RDONLY));
      EXPECT_EQ(find_payload_header(fd.get(), header), missing == 0 ? std::optional<std::uint64_t>(at) : std::nullopt);
    }
  }
}

TEST(ShardFds, KeepsNoMoreOpenThanAllowed) {
  const TinyDataset packed(6, 6);
  ShardFds fds(packed.folder.path(), packed.manifest.splits.at("train").shards, ReadWay::kPread, 2);
  const std::weak_ptr<const OpenShard> first = fds.get(0);
  const std::weak_ptr<const OpenShard> second = fds.get(1);
  EXPECT_EQ(fds.get(0), first.lock());  // found again, and now the newer of the two
  (void)fds.get(2);
  EXPECT_FALSE(first.expired());
  EXPECT_TRUE(second.expired());
  EXPECT_EQ(fds.counters().hits, 1U);
  EXPECT_EQ(fds.counters().misses, 3U);
  EXPECT_EQ(fds.counters().evictions, 1U);
}

TEST(ShardFds, DropsAShardOnlyWhileItIsTheOneMeant) {
  const TinyDataset packed(2, 1);
  ShardFds fds(packed.folder.path(), packed.manifest.splits.at("train").shards, ReadWay::kPread, 2);
  const std::shared_ptr<const OpenShard> stale = fds.get(0);
  fds.drop(0, stale);
  const std::shared_ptr<const OpenShard> fresh = fds.get(0);
  EXPECT_NE(fresh, stale);
  fds.drop(0, stale);  // somebody else was as quick
  EXPECT_EQ(fds.get(0), fresh);
}

TEST(ShardFds, FindsAShardWhileAnotherIsSlowToOpen) {
  const TinyDataset packed(4, 2);
  const std::filesystem::path slow = packed.folder / "train-00001.h5";
  std::filesystem::remove(slow);
  ASSERT_EQ(::mkfifo(slow.c_str(), 0600), 0);  // opening it waits for a writer
  ShardFds fds(packed.folder.path(), packed.manifest.splits.at("train").shards);
  auto waiting = std::async(std::launch::async, [&] { return data_error([&] { (void)fds.get(1); }); });
  EXPECT_EQ(waiting.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  auto other = std::async(std::launch::async, [&] { return fds.get(0) != nullptr; });
  EXPECT_EQ(other.wait_for(std::chrono::seconds(10)), std::future_status::ready);
  const UniqueFd writer(::open(slow.c_str(), O_WRONLY));
  EXPECT_TRUE(other.get());
  EXPECT_NE(waiting.get().find("train-00001.h5"), std::string::npos);
}

TEST(Dataset, NamesTheSplitsThereAre) {
  const TinyDataset packed(2, 1);
  const std::string message = data_error([&] { (void)Dataset::open(packed.folder.path()).split("val"); });
  EXPECT_NE(message.find("train"), std::string::npos) << message;
}

}  // namespace
}  // namespace muster::data
