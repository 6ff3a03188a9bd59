#include "pack/pack.hpp"

#include <csignal>
#include <map>

#include <sys/resource.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/stop_flags.hpp"
#include "data/mask_codec.hpp"
#include "data/shard_file.hpp"
#include "pack/plan.hpp"
#include "pack/shard_job.hpp"
#include "pack/sources.hpp"
#include "pack/verify.hpp"

namespace muster::pack {
namespace {

namespace fs = std::filesystem;

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::contents;
using testing_support::labels;
using testing_support::message_of;
using testing_support::put;
using testing_support::Sources;

std::vector<std::string> problems_of(const fs::path& folder) {
  std::vector<std::string> texts;
  for (const VerifyProblem& problem : verify(folder, VerifyLevel::kDecode, 2).problems) {
    texts.push_back(problem.text());
  }
  return texts;
}

TEST(Pack, StoresImagesByteForByteAndMasksAsDenseIndices) {
  Sources sources;
  sources.add("t", 5, 4, 20);
  const PackSummary summary = pack(sources.options());
  ASSERT_EQ(summary.splits.size(), 1u);
  EXPECT_EQ(summary.splits[0].samples, 1u);

  const data::Manifest manifest = data::read_manifest(sources.out());
  const data::ManifestShard& entry = manifest.splits.at("train").shards.at(0);
  const data::ShardFile shard = data::read_shard_file(sources.out() / entry.file);
  const data::IndexColumns& c = shard.columns;
  const std::string bytes = read_file(sources.out() / entry.file);
  EXPECT_EQ(bytes.substr(entry.payload_address + c.image_offset[0], c.image_size[0]), read_file(sources.images() / "t.jpg"));
  const std::string mask = bytes.substr(entry.payload_address + c.mask_offset[0], c.mask_size[0]);
  const image::LabelMap stored = data::decode_mask(std::as_bytes(std::span(mask)), c.mask_codec[0], c.mask_dtype[0], 5, 4, "t");
  EXPECT_EQ(stored, labels(5, 4, [](int y, int x) { return x == 0 ? 65535 : y % 2 == 0 ? 0 : 1; }));
  EXPECT_THAT(c.key, ElementsAre("t.jpg"));
  EXPECT_THAT(c.class_id, ElementsAre(0, 1));
  EXPECT_THAT(c.class_pixels, ElementsAre(9u, 6u));
  EXPECT_THAT(manifest.splits.at("train").statistics.class_pixels, ElementsAre(9u, 6u));
  EXPECT_EQ(manifest.splits.at("train").statistics.pixels, 20u);
  EXPECT_THAT(manifest.classes.ids, ElementsAre(0, 7));
  EXPECT_FALSE(fs::exists(sources.out() / kPlanFile));
  EXPECT_THAT(problems_of(sources.out()), ElementsAre());
}

// The hashes are those of the first version that packed: sets that were packed then are the sets that are packed now.
TEST(Pack, KeepsTheBytesOfPacksMadeByEarlierVersions) {
  const testing_support::Sources elsewhere;
  const fs::path sample = fs::path(MUSTER_SOURCE_DIR) / "datasets/sample";
  PackOptions options = elsewhere.options();
  options.images.clear();
  options.masks.clear();
  options.classes = sample / "classes.json";
  options.data.train = {.images = sample / "train/images", .masks = sample / "train/masks"};
  options.data.val = {.images = sample / "val/images", .masks = sample / "val/masks"};
  pack(options);
  const data::Manifest manifest = data::read_manifest(elsewhere.out());
  const data::ManifestSplit& train = manifest.splits.at("train");
  EXPECT_EQ(train.plan_hash, "d826186edfd9c358993eee1110b55915");
  EXPECT_EQ(train.fingerprint, "4df091f05f6c38c1540170c9d2a0135f");
  EXPECT_EQ(train.listing_digest, "706d526197b3ab6dea389079abe8b4b1");
  EXPECT_EQ(train.shards.at(0).xxh3_128, "2377f418027987edee38a534ebdea3ce");
  EXPECT_EQ(train.index.xxh3_128, "403addda595b359020ce9f1976bd74e0");
  EXPECT_EQ(manifest.splits.at("val").shards.at(0).xxh3_128, "afbcfef6bfcd0ca11ee33b5348b5cf11");
}

TEST(Pack, GivesTheSameBytesAgainWhateverTheThreadsAndTheWay) {
  Sources sources;
  sources.add_many(9);
  PackOptions at_once = sources.options("train", "at_once");
  at_once.shard_bytes = 1500;
  at_once.data.train = {at_once.images, at_once.masks};
  at_once.data.val = at_once.data.train;
  at_once.images = at_once.masks = "";
  const PackSummary summary = pack(at_once);
  EXPECT_GT(summary.splits.at(0).shards, 2u);

  for (const char* split : {"val", "train"}) {
    PackOptions one = sources.options(split, "one_by_one");
    one.shard_bytes = 1500;
    one.threads = 1;
    pack(one);
  }
  EXPECT_EQ(contents(sources.out("at_once")), contents(sources.out("one_by_one")));
}

TEST(Pack, ShufflesTrainBySeedAndSortsOtherSplits) {
  Sources sources;
  sources.add_many(12);
  std::map<std::string, std::vector<std::string>> keys;
  for (const auto& [name, split, seed] : {std::tuple("train0", "train", 0), {"train1", "train", 1}, {"val0", "val", 0}}) {
    PackOptions options = sources.options(split, name);
    options.seed = seed;
    pack(options);
    keys[name] = data::read_columns(sources.out(name) / data::index_file_name(split)).key;
  }
  EXPECT_TRUE(std::is_sorted(keys["val0"].begin(), keys["val0"].end()));
  EXPECT_FALSE(std::is_sorted(keys["train0"].begin(), keys["train0"].end()));
  EXPECT_NE(keys["train0"], keys["train1"]);
  std::sort(keys["train0"].begin(), keys["train0"].end());
  EXPECT_EQ(keys["train0"], keys["val0"]);
}

TEST(Pack, DoesNothingWhenTheSplitIsThereFromTheSameSources) {
  Sources sources;
  sources.add_many(3);
  pack(sources.options());
  const auto before = contents(sources.out());
  EXPECT_TRUE(pack(sources.options()).splits.at(0).was_there);
  EXPECT_EQ(contents(sources.out()), before);
  sources.add("new", 8, 8, 1);
  EXPECT_THAT(message_of<ConfigError>([&] { pack(sources.options()); }), HasSubstr("holds a split train from other sources"));
  EXPECT_EQ(contents(sources.out()), before);
}

TEST(Pack, RefusesAnotherClassListOrOrientationForTheSameFolder) {
  Sources sources;
  sources.add_many(2);
  pack(sources.options("train"));
  const auto before = contents(sources.out());
  PackOptions rotated = sources.options("val");
  rotated.orientation = "ignore";
  EXPECT_THAT(message_of<ConfigError>([&] { pack(rotated); }), HasSubstr("orientation=auto, not ignore"));
  put(sources.path() / "classes.json", R"({"classes": {"7": "street", "0": "sky"}, "ignore_classes": [255]})");
  EXPECT_THAT(message_of<ConfigError>([&] { pack(sources.options("val")); }), HasSubstr("another class list"));
  EXPECT_EQ(contents(sources.out()), before);
}

TEST(Pack, RefusesAFolderThatHoldsSomethingElse) {
  Sources sources;
  sources.add_many(1);
  put(sources.out() / "thesis.tex", "x");
  EXPECT_THAT(message_of<ConfigError>([&] { pack(sources.options()); }), HasSubstr("holds something else (thesis.tex)"));
  EXPECT_THAT(contents(sources.out()), testing::SizeIs(1));
}

// Lets no file grow above `bytes` while it lives: a full disk, as far as a writer can tell.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    old_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, old_);
  }

 private:
  rlimit before_{};
  void (*old_)(int) = nullptr;
};

PackOptions one_sample_a_shard(const Sources& sources, const std::string& out) {
  PackOptions options = sources.options("val", out);
  options.shard_bytes = 1;
  return options;
}

// Three small samples and, last in order, one of about 300 kB.
void add_small_and_large(Sources& sources) {
  sources.add_many(3);
  image::Image noise(400, 400);
  std::uint32_t state = 1;
  for (std::uint8_t& value : noise.pixels) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<std::uint8_t>(state >> 24);
  }
  put(sources.images() / "z.png", image::encode_png(noise));
  sources.add_mask("z", labels(400, 400, [](int, int) { return 7; }));
}

TEST(Pack, GoesOnBehindTheLastFinishedShardAfterADiskWasFull) {
  Sources sources;
  add_small_and_large(sources);
  pack(one_sample_a_shard(sources, "whole"));
  {
    const SmallDisk disk(100'000);
    EXPECT_THROW(pack(one_sample_a_shard(sources, "resumed")), OutputError);
  }
  const auto left = contents(sources.out("resumed"));
  EXPECT_EQ(left.size(), 7u);  // three shards, their notes and plan.json: no temporary file, no manifest
  EXPECT_TRUE(left.contains(kPlanFile));
  EXPECT_THAT(message_of<ConfigError>([&] { pack(sources.options("val", "resumed")); }), HasSubstr("interrupted packing of split val"));

  put(sources.out("resumed") / "val-00003.h5.tmp.77", "left by a killed process");
  const PackSummary summary = pack(one_sample_a_shard(sources, "resumed"));
  EXPECT_EQ(summary.splits.at(0).taken_over, 3u);
  EXPECT_EQ(contents(sources.out("resumed")), contents(sources.out("whole")));
}

TEST(Pack, MakesADamagedLeftoverAgainAndThrowsLeftoversAwayOnRestart) {
  Sources sources;
  add_small_and_large(sources);
  pack(one_sample_a_shard(sources, "whole"));
  {
    const SmallDisk disk(100'000);
    EXPECT_THROW(pack(one_sample_a_shard(sources, "resumed")), OutputError);
  }
  fs::resize_file(sources.out("resumed") / "val-00001.h5", 1000);
  fs::remove(sources.out("resumed") / "val-00000.json");
  EXPECT_EQ(pack(one_sample_a_shard(sources, "resumed")).splits.at(0).taken_over, 1u);
  EXPECT_EQ(contents(sources.out("resumed")), contents(sources.out("whole")));
  {
    const SmallDisk disk(100'000);
    EXPECT_THROW(pack(one_sample_a_shard(sources, "again")), OutputError);
  }
  PackOptions other = sources.options("val", "again");
  other.restart = true;
  EXPECT_EQ(pack(other).splits.at(0).taken_over, 0u);
  EXPECT_THAT(problems_of(sources.out("again")), ElementsAre());
}

TEST(Pack, TidiesUpBehindAPackerThatWasKilledAfterItsManifest) {
  Sources sources;
  sources.add_many(3);
  pack(sources.options());
  const auto whole = contents(sources.out());
  put(sources.out() / kPlanFile, R"({"format": "muster-plan", "splits": {"train": {"first_shard": 0, "num_shards": 1}}})");
  put(sources.out() / "train-00000.json", "{}");
  put(sources.out() / "train-00000.h5.tmp.1", "x");
  EXPECT_TRUE(pack(sources.options()).splits.at(0).was_there);
  EXPECT_EQ(contents(sources.out()), whole);
}

TEST(Pack, LeavesNothingWhenTheDiskIsFullAtOnce) {
  Sources sources;
  add_small_and_large(sources);
  const SmallDisk disk(500);
  EXPECT_THAT(message_of<OutputError>([&] { pack(sources.options("train", "new/deep")); }), HasSubstr("new/deep"));
  EXPECT_FALSE(fs::exists(sources.out("new")));
}

TEST(Pack, StopsOnASignalAndGoesOnLater) {
  Sources sources;
  sources.add_many(3);
  request_stop(SIGTERM);
  EXPECT_THAT(message_of<PackStopped>([&] { pack(sources.options()); }), HasSubstr("signal 15"));
  request_stop(0);
  EXPECT_FALSE(fs::exists(sources.out()));
  EXPECT_EQ(pack(sources.options()).splits.at(0).samples, 3u);
}

}  // namespace
}  // namespace muster::pack
