#include "weights/weights_info.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "weights/sample_info.hpp"

namespace muster::weights {
namespace {

TEST(WeightsInfo, ComesBackFromItsJson) {
  WeightsInfo info = sample_info();
  EXPECT_EQ(parse_weights_info(to_json(info), "a.safetensors"), info);
  info.metric_value.reset();
  EXPECT_EQ(parse_weights_info(to_json(info), "a.safetensors"), info);
}

TEST(WeightsInfo, KeepsWhatTheBackboneDiffersInAndSaysNothingWhereItDoesNot) {
  WeightsInfo info = sample_info();
  EXPECT_EQ(to_json(info).find("variant"), std::string::npos) << "files of earlier versions stay as they are";
  info.variant = {.patch = 16, .position_rows = 40, .position_columns = 30, .channels = 4, .norm_eps = 1e-6, .class_position = false};
  EXPECT_EQ(parse_weights_info(to_json(info), "a"), info);
}

TEST(WeightsInfo, KeepsWhereForeignWeightsCameFrom) {
  WeightsInfo info = sample_info();
  EXPECT_EQ(to_json(info).find("source"), std::string::npos) << "files of earlier versions have no such key";
  info.source = {.file = "dinov3_vits16.pth", .form = "Meta DINOv3", .hash = "12ab"};
  EXPECT_EQ(parse_weights_info(to_json(info), "a.safetensors"), info);
}

TEST(WeightsInfo, RefusesAnImageRuleThatThisBuildDoesNotKnow) {
  WeightsInfo info = sample_info();
  info.image_rules.alpha = "blend";
  try {
    (void)parse_weights_info(to_json(info), "a.safetensors");
    FAIL() << "alpha=blend was accepted";
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("a.safetensors"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("alpha=blend"), std::string::npos);
  }
}

TEST(WeightsInfo, RefusesAnotherVersionAndMissingKeys) {
  std::string json = to_json(sample_info());
  const auto at = json.find("\"1.0\"");
  ASSERT_NE(at, std::string::npos);
  EXPECT_THROW((void)parse_weights_info(json.replace(at, 5, "\"9.0\""), "a"), DataError);
  EXPECT_THROW((void)parse_weights_info("{}", "a"), DataError);
  EXPECT_THROW((void)parse_weights_info("[", "a"), DataError);
}

}  // namespace
}  // namespace muster::weights
