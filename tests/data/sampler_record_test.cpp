#include "data/sampler_record.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "io/value.hpp"

namespace muster::data {
namespace {

const SamplerRecord kRecord = {.seed = 42, .position = 2507, .num_samples = 1000, .fingerprint = "abcd", .global_batch = 16};

TEST(SamplerRecord, ReadsBackWhatItWrote) {
  EXPECT_EQ(sampler_record_from_json(to_json(kRecord)), kRecord);
}

TEST(SamplerRecord, SpeaksOfEpochAndConsumed) {
  const io::Value value = io::parse_json(to_json(kRecord), "record");
  EXPECT_EQ(value.at("sampler").as_string(), "feistel8-v1");
  EXPECT_EQ(value.at("mode").as_string(), "global");
  EXPECT_EQ(value.at("epoch").as_int(), 2);
  EXPECT_EQ(value.at("consumed").as_int(), 507);
}

TEST(SamplerRecord, RefusesDamagedTextAndAnotherSampler) {
  EXPECT_THROW((void)sampler_record_from_json("{\"seed\": 1"), CheckpointError);
  EXPECT_THROW((void)sampler_record_from_json("{}"), CheckpointError);
  std::string other = to_json(kRecord);
  other.replace(other.find("feistel8-v1"), 11, "feistel8-v2");
  EXPECT_THROW((void)sampler_record_from_json(other), CheckpointError);
}

TEST(SamplerRecord, LetsTheBatchChangeButNeitherDataNorSeed) {
  SamplerRecord now = kRecord;
  now.global_batch = 64;
  EXPECT_NO_THROW(check_resume(kRecord, now));
  now.seed = 43;
  EXPECT_THROW(check_resume(kRecord, now), ConfigError);
  now = kRecord;
  now.fingerprint = "abce";
  EXPECT_THROW(check_resume(kRecord, now), ConfigError);
}

}  // namespace
}  // namespace muster::data
