#include "pack/verify.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/manifest.hpp"
#include "data/shard_file.hpp"
#include "pack/pack.hpp"
#include "pack/sources.hpp"

namespace muster::pack {
namespace {

namespace fs = std::filesystem;

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::put;
using testing_support::Sources;

class Verify : public testing::Test {
 protected:
  Verify() {
    sources_.add_many(5);
    pack(sources_.options());
    manifest_ = data::read_manifest(sources_.out());
  }

  std::vector<std::string> problems(VerifyLevel level) {
    std::vector<std::string> texts;
    for (const VerifyProblem& problem : verify(sources_.out(), level, 2).problems) {
      texts.push_back(problem.text());
    }
    return texts;
  }
  fs::path shard_path() const { return sources_.out() / entry().file; }
  const data::ManifestShard& entry() const { return manifest_.splits.at("train").shards.at(0); }
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
    EXPECT_THAT(problems(level), ElementsAre());
  }
  const VerifyReport report = verify(sources_.out());
  EXPECT_EQ(report.splits, 1u);
  EXPECT_EQ(report.samples, 5u);
}

TEST_F(Verify, NamesTheSampleOfAFlippedByteFromLevelCrcOn) {
  const data::IndexColumns columns = data::read_columns(shard_path());
  flip(shard_path(), entry().payload_address + columns.image_offset[3] + 5);
  EXPECT_THAT(problems(VerifyLevel::kQuick), ElementsAre());
  EXPECT_THAT(problems(VerifyLevel::kCrc),
              ElementsAre(AllOf(HasSubstr("train-00000.h5: sample 3 (" + columns.key[3] + ")"), HasSubstr("checksum"))));
}

TEST_F(Verify, NoticesEveryFlippedByteOfEveryFile) {
  for (const fs::path& path : {shard_path(), sources_.out() / "index-train.h5"}) {
    const std::string good = read_file(path);
    for (std::size_t at = 0; at < good.size(); at += good.size() / 40) {
      flip(path, at);
      EXPECT_FALSE(problems(VerifyLevel::kCrc).empty()) << path << " byte " << at;
      put(path, good);
    }
  }
}

TEST_F(Verify, NoticesMissingShortAndForeignFiles) {
  const std::string good = read_file(shard_path());
  put(shard_path(), good.substr(0, good.size() - 1));
  EXPECT_THAT(problems(VerifyLevel::kQuick), ElementsAre(HasSubstr("cut short or replaced")));
  fs::remove(shard_path());
  EXPECT_THAT(problems(VerifyLevel::kQuick), ElementsAre(HasSubstr("the file is missing")));
  put(shard_path(), good);

  flip(shard_path(), entry().payload_address);
  EXPECT_THAT(problems(VerifyLevel::kQuick), ElementsAre(HasSubstr("start of the payload")));
  put(shard_path(), good);

  manifest_.splits.at("train").fingerprint = std::string(32, '0');
  data::write_manifest(sources_.out(), manifest_);
  EXPECT_THAT(problems(VerifyLevel::kQuick), testing::Contains(HasSubstr("fingerprint")));
  put(sources_.out() / "manifest.json", "{}");
  EXPECT_THAT(problems(VerifyLevel::kQuick), ElementsAre(HasSubstr("manifest.json")));
}

TEST_F(Verify, KnowsItsLevelsByName) {
  EXPECT_EQ(verify_level_from_name("decode"), VerifyLevel::kDecode);
  EXPECT_THROW((void)verify_level_from_name("deep"), ConfigError);
}

}  // namespace
}  // namespace muster::pack
