// append=true: new images behind what is packed.
#include <csignal>

#include <sys/resource.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/manifest.hpp"
#include "data/shard_writer.hpp"
#include "dist/thread_ranks.hpp"
#include "pack/append.hpp"
#include "pack/pack.hpp"
#include "pack/plan.hpp"
#include "pack/sources.hpp"
#include "pack/verify.hpp"

namespace muster::pack {
namespace {

namespace fs = std::filesystem;

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::contents;
using testing_support::labels;
using testing_support::message_of;
using testing_support::put;
using testing_support::Sources;

class Append : public testing::Test {
 protected:
  Append() { sources_.add_many(6); }

  PackOptions options(const std::string& out = "packed", bool append = true) const {
    PackOptions o = sources_.options("train", out);
    o.shard_bytes = 1500;
    o.append = append;
    return o;
  }
  void add_new_images() {
    for (int i = 0; i < 5; ++i) {
      sources_.add("new/tile" + std::to_string(i), 20, 24, 7 * i);
    }
  }
  data::Manifest manifest(const std::string& out = "packed") const { return data::read_manifest(sources_.out(out)); }

  Sources sources_;
};

TEST_F(Append, AddsShardsForNewImagesAndLeavesTheOthersAlone) {
  pack(options("packed", false));
  const auto before = contents(sources_.out());
  const data::Manifest parent = manifest();
  add_new_images();
  EXPECT_THAT(message_of<ConfigError>([&] { pack(options("packed", false)); }), AllOf(HasSubstr("5 new images"), HasSubstr("append=true")));
  EXPECT_EQ(contents(sources_.out()), before);

  const PackSummary summary = pack(options());
  EXPECT_EQ(summary.splits.at(0).samples, 11u);
  EXPECT_EQ(summary.splits.at(0).added, 5u);
  const data::Manifest child = manifest();
  EXPECT_EQ(child.generation, 1u);
  EXPECT_EQ(child.parent_fingerprint, dataset_fingerprint(parent));
  const data::ManifestSplit& split = child.splits.at("train");
  EXPECT_EQ(split.appended.size(), 1u);
  EXPECT_EQ(split.appended[0].first_shard, parent.splits.at("train").shards.size());
  EXPECT_EQ(split.plan_hash, parent.splits.at("train").plan_hash);
  const auto after = contents(sources_.out());
  for (const auto& [name, bytes] : before) {
    if (name.starts_with("train-")) {
      EXPECT_EQ(after.at(name), bytes) << name;
    }
  }
  EXPECT_EQ(split.index.file, "index-train.g1.h5");
  EXPECT_FALSE(after.contains("index-train.h5"));
  EXPECT_FALSE(after.contains(kPlanFile));
  // The old samples keep their numbers.
  const std::vector<std::string> keys = data::read_columns(sources_.out() / split.index.file).key;
  EXPECT_TRUE(std::all_of(keys.begin() + 6, keys.end(), [](const std::string& key) { return key.starts_with("new/"); }));
  EXPECT_THAT(verify(sources_.out(), VerifyLevel::kDecode, 2).problems, IsEmpty());
}

TEST_F(Append, CountsAsIfAllHadBeenPackedAtOnce) {
  pack(options("packed", false));
  add_new_images();
  pack(options());
  pack(options("at_once", false));
  const data::SplitStatistics appended = manifest().splits.at("train").statistics;
  EXPECT_EQ(appended, manifest("at_once").splits.at("train").statistics);
}

TEST_F(Append, DoesNothingWithoutNewImages) {
  pack(options("packed", false));
  const auto first = contents(sources_.out());
  EXPECT_TRUE(pack(options()).splits.at(0).was_there);
  EXPECT_EQ(contents(sources_.out()), first);
  add_new_images();
  pack(options());
  const auto second = contents(sources_.out());
  EXPECT_TRUE(pack(options()).splits.at(0).was_there);
  EXPECT_TRUE(pack(options("packed", false)).splits.at(0).was_there);
  EXPECT_EQ(contents(sources_.out()), second);
  sources_.add("newest", 16, 16, 1);
  EXPECT_EQ(pack(options()).splits.at(0).samples, 12u);
  EXPECT_EQ(manifest().generation, 2u);
  EXPECT_EQ(manifest().splits.at("train").appended.size(), 2u);
  EXPECT_THAT(verify(sources_.out(), VerifyLevel::kDecode, 2).problems, IsEmpty());
}

TEST_F(Append, TakesADamagedImageForNewOnlyWhenItIsMended) {
  const std::vector<std::byte> whole = image::encode_png(testing_support::gradient(20, 24, 9));
  std::vector<std::byte> damaged = whole;
  damaged[whole.size() / 2] ^= std::byte{1};  // the checksum of its chunk finds it, when it is decoded
  const auto skipping = [&](bool append) {
    PackOptions o = options("packed", append);
    o.on_error = "skip";
    return o;
  };
  put(sources_.images() / "bad.png", damaged);
  sources_.add_mask("bad", labels(20, 24, [](int, int) { return 7; }));
  EXPECT_EQ(pack(skipping(false)).splits.at(0).skipped, 1u);
  EXPECT_TRUE(pack(skipping(true)).splits.at(0).was_there);
  EXPECT_TRUE(pack(skipping(false)).splits.at(0).was_there);

  add_new_images();
  put(sources_.images() / "new/bad.png", damaged);
  sources_.add_mask("new/bad", labels(20, 24, [](int, int) { return 7; }));
  EXPECT_EQ(pack(skipping(true)).splits.at(0).added, 5u);
  const std::string list = read_file(sources_.out() / "skipped.csv");
  EXPECT_THAT(list, AllOf(HasSubstr("\"bad.png\""), HasSubstr("\"new/bad.png\"")));
  const auto before = contents(sources_.out());
  for (const bool append : {true, false}) {
    EXPECT_TRUE(pack(skipping(append)).splits.at(0).was_there);
  }
  EXPECT_EQ(contents(sources_.out()), before);

  put(sources_.images() / "bad.png", whole);
  EXPECT_EQ(pack(skipping(true)).splits.at(0).added, 1u);
  EXPECT_THAT(read_file(sources_.out() / "skipped.csv"), testing::Not(HasSubstr("\"bad.png\"")));
  EXPECT_THAT(verify(sources_.out(), VerifyLevel::kDecode, 2).problems, IsEmpty());
}

TEST_F(Append, RefusesSourcesThatLostOrChangedPackedImages) {
  pack(options("packed", false));
  const auto before = contents(sources_.out());
  add_new_images();
  fs::remove(sources_.images() / "a/tile0.jpg");
  fs::remove(sources_.images() / "a/tile2.jpg");
  sources_.add("b/tile1", 30, 24, 10);
  EXPECT_THAT(message_of<DataError>([&] { pack(options()); }),
              AllOf(HasSubstr("5 new images"), HasSubstr("2 packed images gone ("), HasSubstr("1 packed images changed (b/tile1.jpg)")));
  EXPECT_EQ(contents(sources_.out()), before);
}

TEST_F(Append, NoticesAMaskThatChanged) {
  pack(options("packed", false));
  add_new_images();
  const auto bytes = fs::file_size(sources_.masks() / "a/tile0.png");
  sources_.add_mask("a/tile0", labels(16, 24, [](int y, int x) { return (x * x * 5 + y * y * 3 + x * y * 7) % 11 < 5 ? 0 : 7; }));
  ASSERT_NE(fs::file_size(sources_.masks() / "a/tile0.png"), bytes);  // contents are not compared, sizes are
  EXPECT_THAT(message_of<DataError>([&] { pack(options()); }), HasSubstr("masks, labels or re-encoded images changed"));
}

TEST_F(Append, PacksASplitThatIsNotThere) {
  pack(options());
  EXPECT_EQ(manifest().generation, 0u);
  pack(options("plain", false));
  EXPECT_EQ(contents(sources_.out()), contents(sources_.out("plain")));
}

TEST_F(Append, GoesOnAfterAnInterruptionAndOverRanks) {
  for (const char* out : {"packed", "whole"}) {
    pack(options(out, false));
  }
  add_new_images();
  sources_.add_mask("new/tile4", labels(20, 24, [](int y, int x) { return (x * 7 + y * 5) % 3 == 0 ? 0 : 7; }));
  image::Image noise(200, 200);
  std::uint32_t state = 1;
  for (std::uint8_t& value : noise.pixels) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<std::uint8_t>(state >> 24);
  }
  put(sources_.images() / "new/z.png", image::encode_png(noise));
  sources_.add_mask("new/z", labels(200, 200, [](int, int) { return 7; }));
  pack(options("whole"));
  const auto before = contents(sources_.out());
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  ::getrlimit(RLIMIT_FSIZE, &old);
  const rlimit small{.rlim_cur = 100'000, .rlim_max = old.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  EXPECT_THROW(pack(options()), OutputError);
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  // What was packed before is whole, and is a data set still.
  const auto interrupted = contents(sources_.out());
  for (const auto& [name, bytes] : before) {
    EXPECT_EQ(interrupted.at(name), bytes) << name;
  }
  EXPECT_EQ(manifest().generation, 0u);
  dist::run_thread_ranks(3, [&](dist::Communicator& world) { pack(options(), world); });
  EXPECT_EQ(contents(sources_.out()), contents(sources_.out("whole")));
}

}  // namespace
}  // namespace muster::pack
