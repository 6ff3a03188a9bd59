#include "model/model_table.hpp"

#include <map>

#include <gmock/gmock.h>

#include "core/error.hpp"
#include "model/model.hpp"

namespace muster::model {
namespace {

std::int64_t parameter_count(const std::string& name, const EomtOptions& options, int classes) {
  const auto model = make_model(name, options, classes, {.weights_follow = true});
  std::int64_t count = 0;
  for (const UnitSpec& unit : model->units()) {
    for (const ParameterInfo& parameter : unit.parameters) {
      count += parameter.numel();
    }
  }
  return count;
}

template <class Call>
std::string config_error(const Call& call) {
  try {
    call();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no ConfigError";
}

// Published sizes, which Meta rounds, exactly as they follow from the shapes in the files.
TEST(ModelTable, BackbonesHaveTheParametersOfThePublishedFiles) {
  const std::map<std::string, std::int64_t> counts = {
      {"dinov3/vitt16", 5'492'160},       {"dinov3/vitt16plus", 7'266'240},   {"dinov3/vits16", 21'601'152},
      {"dinov3/vits16plus", 28'697'472},  {"dinov3/vitb16", 85'669'632},      {"dinov3/vitl16", 303'154'176},
      {"dinov3/vitl16plus", 403'915'776}, {"dinov3/vith16plus", 840'633'600}, {"dinov3/vit7b16", 6'716'035'072}};
  for (const auto& [name, count] : counts) {
    EXPECT_EQ(parameter_count(name, {}, 0), count) << name;
  }
}

TEST(ModelTable, EomtHasTheParametersOfLightlyTrainsModels) {
  EomtOptions coco;
  coco.num_queries = 200;
  EXPECT_EQ(parameter_count("dinov3/vitt16-eomt", coco, 133), 5'967'110);
  EXPECT_EQ(parameter_count("dinov3/vits16-eomt", coco, 133), 23'361'926);
  EXPECT_EQ(parameter_count("dinov3/vitb16-eomt", coco, 133), 92'435'078);
  EXPECT_EQ(parameter_count("dinov3/vitl16-eomt", coco, 133), 315'058'310);
  EXPECT_EQ(parameter_count("dinov3/vitl16-eomt", {}, 150), 314'973'335);
}

TEST(ModelTable, EveryListedNameIsUnderstood) {
  for (const std::string& name : model_names()) {
    const ModelName parsed = parse_model_name(name);
    EXPECT_EQ(parsed.pretrained, name.find("-notpretrained") == std::string::npos) << name;
    EXPECT_EQ(parsed.eomt, name.ends_with("-eomt")) << name;
    EXPECT_TRUE(name.starts_with(parsed.backbone->name)) << name;
  }
}

TEST(ModelTable, AnUnknownNameBringsTheNearestKnownOne) {
  EXPECT_THAT(config_error([] { (void)parse_model_name("dinov3/vitt16-notpretraind-eomt"); }),
              testing::HasSubstr("did you mean dinov3/vitt16-notpretrained-eomt?"));
}

TEST(ModelTable, ANameThatNeedsWeightsSaysWhichFileAndWhatToDo) {
  const std::string text = config_error([] { (void)make_model("dinov3/vits16-eomt", {}, 3); });
  EXPECT_THAT(text, testing::HasSubstr("dinov3_vits16_pretrain_lvd1689m-08c60483.pth"));
  EXPECT_THAT(text, testing::HasSubstr("model_args.backbone_weights"));
  EXPECT_THAT(text, testing::HasSubstr("dinov3/vits16-notpretrained-eomt"));
  EomtOptions with_file;
  with_file.backbone_weights = "weights.pth";
  EXPECT_NO_THROW((void)make_model("dinov3/vitt16-eomt", with_file, 3));
}

TEST(ModelTable, OptionsThatDoNotFitAreRefused) {
  EomtOptions options;
  options.num_joint_blocks = 13;
  EXPECT_THAT(config_error([&] { (void)make_model("dinov3/vitt16-notpretrained-eomt", options, 3); }), testing::HasSubstr("has 12 blocks"));
  options = {};
  options.attn_mask_annealing_steps_start = {5};
  EXPECT_THAT(config_error([&] { (void)make_model("dinov3/vitt16-notpretrained-eomt", options, 3); }), testing::HasSubstr("1 entries"));
}

}  // namespace
}  // namespace muster::model
