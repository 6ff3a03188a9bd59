#include "pack/verify.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/random.hpp"
#include "data/manifest.hpp"
#include "data/shard_file.hpp"
#include "dist/thread_ranks.hpp"
#include "io/value.hpp"
#include "pack/pack.hpp"
#include "pack/sources.hpp"

namespace muster::pack {
namespace {

namespace fs = std::filesystem;

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing_support::put;
using testing_support::Sources;

std::vector<std::string> texts_of(const VerifyReport& report) {
  std::vector<std::string> texts;
  for (const VerifyProblem& problem : report.problems) {
    texts.push_back(problem.text());
  }
  return texts;
}

// Five samples in one shard; with `shard_bytes` = 1 each in a shard of its own.
class Verify : public testing::Test {
 protected:
  Verify() { pack_in_shards_of(std::int64_t{512} << 20); }

  void pack_in_shards_of(std::int64_t shard_bytes) {
    fs::remove_all(sources_.out());
    sources_.add_many(5);
    PackOptions options = sources_.options();
    options.shard_bytes = shard_bytes;
    pack(options);
    manifest_ = data::read_manifest(sources_.out());
  }
  std::vector<std::string> problems(VerifyLevel level = VerifyLevel::kCrc) { return texts_of(verify(sources_.out(), level, 2)); }
  const data::ManifestShard& entry(std::size_t number = 0) const { return manifest_.splits.at("train").shards.at(number); }
  fs::path shard_path(std::size_t number = 0) const { return sources_.out() / entry(number).file; }
  fs::path index_path() const { return sources_.out() / "index-train.h5"; }
  void flip(const fs::path& path, std::uint64_t at) {
    std::string bytes = read_file(path);
    bytes[at] = static_cast<char>(bytes[at] ^ 0x40);
    put(path, bytes);
  }

  Sources sources_;
  data::Manifest manifest_;
};

TEST_F(Verify, FindsNothingWrongWithAFreshPack) {
  for (const VerifyLevel level : {VerifyLevel::kQuick, VerifyLevel::kCrc, VerifyLevel::kDecode}) {
    EXPECT_THAT(problems(level), IsEmpty());
  }
  const VerifyReport report = verify(sources_.out());
  EXPECT_EQ(report.task, "semantic_segmentation");
  EXPECT_EQ(report.splits, 1u);
  EXPECT_EQ(report.shards, 1u);
  EXPECT_EQ(report.samples, 5u);
}

TEST_F(Verify, NamesTheSampleOfAFlippedByteFromLevelCrcOn) {
  const data::IndexColumns columns = data::read_columns(shard_path());
  flip(shard_path(), entry().payload_address + columns.image_offset[3] + 5);
  EXPECT_THAT(problems(VerifyLevel::kQuick), IsEmpty());
  EXPECT_THAT(problems(), ElementsAre(AllOf(HasSubstr("train-00000.h5: sample 3 (" + columns.key[3] + ")"), HasSubstr("checksum"))));
}

// Of 200 positions in all files: inside a blob, the sample is named; elsewhere, the file.
TEST_F(Verify, NamesWhatAFlippedByteDamagedWhereverItLies) {
  const data::IndexColumns columns = data::read_columns(shard_path());
  const auto sample_at = [&](std::uint64_t at) -> std::string {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto holds = [&](std::uint64_t offset, std::uint32_t size) {
        const std::uint64_t begin = entry().payload_address + offset;
        return at >= begin && at < begin + size;
      };
      if (holds(columns.image_offset[i], columns.image_size[i]) || holds(columns.mask_offset[i], columns.mask_size[i])) {
        return fmt::format("train-00000.h5: sample {} ({}): ", i, columns.key[i]);
      }
    }
    return "train-00000.h5: ";
  };
  const std::vector<fs::path> files = {shard_path(), index_path(), sources_.out() / data::kManifestFile};
  std::map<fs::path, std::string> good;
  for (const fs::path& file : files) {
    good[file] = read_file(file);
  }
  for (std::uint32_t draw = 0; draw < 200; ++draw) {
    const auto words = philox4x32_10({draw, 0, 0, 0}, {6, 0});
    // Half of them in the payload, which is small here beside the columns.
    const fs::path& file = files[draw % 2 == 0 ? 0 : words[0] % files.size()];
    std::string bytes = good[file];
    const std::uint64_t at = draw % 2 == 0 ? entry().payload_address + words[1] % entry().payload_bytes : words[1] % bytes.size();
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << words[2] % 8));
    put(file, bytes);
    EXPECT_THAT(problems(), Contains(HasSubstr(file == shard_path() ? sample_at(at) : file.filename().string() + ": ")))
        << file << " byte " << at;
    put(file, good[file]);
  }
  EXPECT_THAT(problems(VerifyLevel::kDecode), IsEmpty());
}

TEST_F(Verify, NoticesMissingShortAndForeignFiles) {
  const std::string good = read_file(shard_path());
  put(shard_path(), good.substr(0, good.size() - 1));
  EXPECT_THAT(problems(VerifyLevel::kQuick), ElementsAre(HasSubstr("cut short or replaced")));
  fs::remove(shard_path());
  EXPECT_THAT(problems(VerifyLevel::kQuick), ElementsAre(HasSubstr("the file is missing")));
  EXPECT_THAT(problems(VerifyLevel::kDecode), ElementsAre(HasSubstr("the file is missing")));
  put(shard_path(), good);

  flip(shard_path(), entry().payload_address);
  EXPECT_THAT(problems(VerifyLevel::kQuick), ElementsAre(HasSubstr("start of the payload")));
  put(shard_path(), good);

  fs::rename(index_path(), sources_.out() / "index");
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("index-train.h5: the file is missing")));
  fs::rename(sources_.out() / "index", index_path());

  manifest_.splits.at("train").fingerprint = std::string(32, '0');
  data::write_manifest(sources_.out(), manifest_);
  EXPECT_THAT(problems(VerifyLevel::kQuick), Contains(HasSubstr("fingerprint")));
  put(sources_.out() / "manifest.json", "{}");
  EXPECT_THAT(problems(VerifyLevel::kQuick), ElementsAre(HasSubstr("manifest.json")));
  fs::remove(sources_.out() / "manifest.json");
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("no finished data set")));
}

TEST_F(Verify, SaysHowManySamplesACutShardHasLostAndChecksTheOthers) {
  const data::IndexColumns columns = data::read_columns(shard_path());
  fs::resize_file(shard_path(), entry().payload_address + columns.image_offset[3] + 1);
  flip(shard_path(), entry().payload_address + columns.image_offset[1]);
  EXPECT_THAT(problems(), ElementsAre(AllOf(HasSubstr("cut short"), HasSubstr("2 of its 5 samples")), HasSubstr("sample 1 (")));
}

// h5repack and its like: the payload has moved, the samples are whole.
TEST_F(Verify, ReadsAShardThatWasRewrittenButSaysSo) {
  const data::IndexColumns columns = data::read_columns(shard_path());
  const std::string good = read_file(shard_path());
  put(shard_path(), std::string(12345, 'x') + good);
  EXPECT_THAT(problems(), ElementsAre(AllOf(HasSubstr("h5repack"), HasSubstr(std::to_string(entry().payload_address + 12345)))));
  flip(shard_path(), 12345 + entry().payload_address + columns.image_offset[2]);
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("h5repack"), HasSubstr("sample 2 (")));
}

TEST_F(Verify, NoticesShardsUnderEachOthersNames) {
  pack_in_shards_of(1);
  ASSERT_THAT(manifest_.splits.at("train").shards, SizeIs(5));
  fs::rename(shard_path(1), sources_.out() / "swap");
  fs::rename(shard_path(2), shard_path(1));
  fs::rename(sources_.out() / "swap", shard_path(2));
  EXPECT_THAT(problems(), ElementsAre(AllOf(HasSubstr("train-00001.h5"), HasSubstr("another packing, or was renamed")),
                                      AllOf(HasSubstr("train-00002.h5"), HasSubstr(entry(1).uuid))));
}

TEST_F(Verify, LooksIntoShardsThoughTheIndexIsDamaged) {
  const data::IndexColumns columns = data::read_columns(shard_path());
  flip(index_path(), fs::file_size(index_path()) / 2);
  EXPECT_THAT(problems(VerifyLevel::kDecode), ElementsAre(HasSubstr("index-train.h5: the file's hash")));
  const std::string good = read_file(shard_path());
  flip(shard_path(), entry().payload_address + columns.image_offset[2]);
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("without index-train.h5 its samples cannot be found"), HasSubstr("index-train.h5: ")));
}

TEST_F(Verify, RefusesManifestsOfANewerFormatAndOnesThatWereEdited) {
  const std::string good = read_file(sources_.out() / data::kManifestFile);
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  const std::string version = good.substr(good.find("\"format_version\""), good.find(']') - good.find("\"format_version\"") + 1);
  put(sources_.out() / data::kManifestFile, data::seal_manifest(with(version, "\"format_version\": [2, 0]")));
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("format version 2.0, this program reads 1.x")));
  put(sources_.out() / data::kManifestFile, data::seal_manifest(with(version, "\"format_version\": [1, 3]")));
  EXPECT_THAT(problems(), IsEmpty());
  put(sources_.out() / data::kManifestFile, data::seal_manifest(with("\"task\"", " \"task\"")));
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("bytes that Muster did not write")));

  // As it was written before manifests had a checksum.
  io::Value without = io::parse_json(good, "manifest");
  without.erase("checksum");
  put(sources_.out() / data::kManifestFile, io::to_json(without) + "\n");
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(Verify, ComparesTheManifestsStatisticsWithWhatIsStored) {
  const auto changed = [&](const std::function<void(data::SplitStatistics&)>& change, VerifyLevel level) {
    data::Manifest manifest = manifest_;
    change(manifest.splits.at("train").statistics);
    data::write_manifest(sources_.out(), manifest);
    return problems(level);
  };
  EXPECT_THAT(changed([](auto& stats) { stats.class_pixels[1] += 1; }, VerifyLevel::kQuick), ElementsAre(HasSubstr("stats.class_pixels")));
  EXPECT_THAT(changed([](auto& stats) { stats.class_images[0] = 0; }, VerifyLevel::kQuick), ElementsAre(HasSubstr("stats.class_images")));
  EXPECT_THAT(changed([](auto& stats) { stats.size_histogram[4096] = 1; }, VerifyLevel::kQuick),
              ElementsAre(HasSubstr("stats.size_histogram")));
  EXPECT_THAT(changed([](auto& stats) { stats.pixels -= 1; }, VerifyLevel::kQuick), ElementsAre(HasSubstr("stats.pixels")));
  EXPECT_THAT(changed([](auto& stats) { stats.mean[1] += 1e-9; }, VerifyLevel::kCrc), IsEmpty());
  EXPECT_THAT(changed([](auto& stats) { stats.mean[1] += 1e-9; }, VerifyLevel::kDecode), ElementsAre(HasSubstr("stats.mean")));
  EXPECT_THAT(changed([](auto& stats) { stats.std[2] = 0.5; }, VerifyLevel::kDecode), ElementsAre(HasSubstr("stats.std")));
}

TEST_F(Verify, GivesTheSameReportForAnyNumberOfRanksAndThreads) {
  pack_in_shards_of(1);
  EXPECT_THAT(problems(VerifyLevel::kDecode), IsEmpty());
  for (const std::size_t shard : {0u, 3u}) {
    flip(shard_path(shard), entry(shard).payload_address + data::kPayloadHeaderBytes + 4);
  }
  flip(shard_path(2), entry(2).bytes - 1);
  fs::remove(shard_path(4));
  const VerifyReport alone = verify(sources_.out(), VerifyLevel::kDecode, 1);
  EXPECT_THAT(alone.problems, SizeIs(4));
  for (const int world : {1, 2, 3, 7}) {
    for (const int threads : {1, 2, 4}) {
      std::vector<VerifyReport> reports(static_cast<std::size_t>(world));
      dist::run_thread_ranks(world, [&](dist::Communicator& ranks) {
        reports[static_cast<std::size_t>(ranks.rank())] =
            verify(sources_.out(), {.level = VerifyLevel::kDecode, .threads = threads, .sources = {}}, ranks);
      });
      EXPECT_THAT(reports, Each(alone)) << world << " ranks, " << threads << " threads";
    }
  }
}

TEST_F(Verify, WritesItsReportAsJson) {
  const data::IndexColumns columns = data::read_columns(shard_path());
  flip(shard_path(), entry().payload_address + columns.image_offset[1]);
  const io::Value report = io::parse_json(verify_json(verify(sources_.out()), sources_.out(), "crc"), "report");
  EXPECT_EQ(report.at("level").as_string(), "crc");
  EXPECT_EQ(report.at("samples").as_int(), 5);
  ASSERT_EQ(report.at("problems").size(), 1u);
  const io::Value& problem = report.at("problems").as_list()[0];
  EXPECT_EQ(problem.at("file").as_string(), "train-00000.h5");
  EXPECT_EQ(problem.at("sample").as_int(), 1);
  EXPECT_EQ(problem.at("key").as_string(), columns.key[1]);
  EXPECT_THAT(problem.at("reason").as_string(), HasSubstr("checksum"));
}

TEST_F(Verify, KnowsItsLevelsByName) {
  EXPECT_EQ(verify_level_from_name("decode"), VerifyLevel::kDecode);
  EXPECT_THROW((void)verify_level_from_name("deep"), ConfigError);
}

}  // namespace
}  // namespace muster::pack
