#include "model/model_table.hpp"

#include <cmath>
#include <map>
#include <set>

#include <gmock/gmock.h>

#include "core/error.hpp"
#include "model/model.hpp"

namespace muster::model {
namespace {

constexpr int kNoClasses = 0;

std::unique_ptr<Model> on_meta(const std::string& name, const EomtOptions& options, int classes, const BackboneVariant& variant = {}) {
  return make_model(name, options, classes, {.device = at::kMeta, .weights_follow = true, .variant = variant});
}

std::int64_t count_of(const std::string& name, const EomtOptions& options, int classes, const BackboneVariant& variant = {}) {
  return parameter_count(*on_meta(name, options, classes, variant));
}

// The tables of the specification: what Meta's and LightlyTrain's files hold, without local_cls_norm.
const std::map<std::string, std::int64_t>& published_counts() {
  static const std::map<std::string, std::int64_t> counts = {{"dinov2/vits14", 22'058'112},
                                                             {"dinov2/vits14-noreg", 22'056'576},
                                                             {"dinov2/vitb14", 86'583'552},
                                                             {"dinov2/vitb14-noreg", 86'580'480},
                                                             {"dinov2/vitl14", 304'372'736},
                                                             {"dinov2/vitl14-noreg", 304'368'640},
                                                             {"dinov2/vitg14", 1'136'486'912},
                                                             {"dinov2/vitg14-noreg", 1'136'480'768},
                                                             {"dinov3/vitt16", 5'492'160},
                                                             {"dinov3/vitt16plus", 7'266'240},
                                                             {"dinov3/vits16", 21'601'152},
                                                             {"dinov3/vits16plus", 28'697'472},
                                                             {"dinov3/vitb16", 85'669'632},
                                                             {"dinov3/vitl16", 303'154'176},
                                                             {"dinov3/vitl16-sat493m", 303'154'176},
                                                             {"dinov3/vitl16plus", 403'915'776},
                                                             {"dinov3/vith16plus", 840'633'600},
                                                             {"dinov3/vit7b16", 6'716'035'072},
                                                             {"dinov3/vit7b16-sat493m", 6'716'035'072}};
  return counts;
}

// Queries, class head, mask head and two doublings, by hand.
std::int64_t head_count(std::int64_t dim, std::int64_t queries, std::int64_t classes) {
  const std::int64_t mask_head = 3 * (dim * dim + dim), doubling = (4 * dim * dim + dim) + 9 * dim + 2 * dim;
  return queries * dim + (classes + 1) * (dim + 1) + mask_head + 2 * doubling;
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

TEST(ModelTable, EveryNameHasTheParametersOfThePublishedFiles) {
  EomtOptions options;
  options.num_queries = 200;
  std::set<std::string_view> rows;
  for (const std::string& name : model_names()) {
    const ModelName parsed = parse_model_name(name);
    const BackboneRow& row = *parsed.backbone;
    rows.insert(row.name);
    std::int64_t expected = published_counts().at(std::string(row.name));
    if (row.family == Family::kDinov2 && !parsed.pretrained) {
      expected -= std::int64_t{37 * 37 - 16 * 16} * row.dim;  // positions of 224 pixels, not 518
    }
    if (parsed.eomt) {
      expected += head_count(row.dim, 200, 133);
    }
    EXPECT_EQ(count_of(name, options, 133), expected) << name;
  }
  EXPECT_EQ(rows.size(), published_counts().size());
}

TEST(ModelTable, EomtHasTheParametersOfLightlyTrainsModels) {
  EomtOptions coco;
  coco.num_queries = 200;
  EXPECT_EQ(count_of("dinov3/vitt16-eomt", coco, 133), 5'967'110);
  EXPECT_EQ(count_of("dinov3/vitt16plus-eomt", coco, 133), 7'741'190);
  EXPECT_EQ(count_of("dinov3/vits16-eomt", coco, 133), 23'361'926);
  EXPECT_EQ(count_of("dinov3/vitb16-eomt", coco, 133), 92'435'078);
  EXPECT_EQ(count_of("dinov3/vitl16-eomt", coco, 133), 315'058'310);
  EXPECT_EQ(count_of("dinov3/vitl16-eomt", {}, 150), 314'973'335);
}

// Patch 16, positions frozen at image size / 16 without class entry; published in tenths of a million.
TEST(ModelTable, EomtOnDinov2HasTheParametersOfUpstreamsFiles) {
  const auto tenths = [](const std::string& name, int queries, int classes, int pixels) {
    EomtOptions options;
    options.num_queries = queries;
    options.form = "upstream";
    const BackboneVariant variant{.patch = 16, .position_rows = pixels / 16, .position_columns = pixels / 16, .class_position = false};
    return std::lround(static_cast<double>(count_of(name, options, classes, variant)) / 1e5);
  };
  EXPECT_EQ(tenths("dinov2/vitl14-eomt", 100, 150, 512), 3160);
  EXPECT_EQ(tenths("dinov2/vitl14-eomt", 200, 133, 640), 3167);
  EXPECT_EQ(tenths("dinov2/vitl14-eomt", 100, 19, 1024), 3190);
  EXPECT_EQ(tenths("dinov2/vitl14-eomt", 200, 133, 1280), 3216);
  EXPECT_EQ(tenths("dinov2/vitg14-eomt", 200, 133, 640), 11636);
}

TEST(ModelTable, EveryListedNameIsUnderstood) {
  for (const std::string& name : model_names()) {
    const ModelName parsed = parse_model_name(name);
    EXPECT_EQ(parsed.pretrained, name.find("-notpretrained") == std::string::npos) << name;
    EXPECT_EQ(parsed.eomt, name.ends_with("-eomt")) << name;
    const std::string start(parsed.backbone->name.substr(0, parsed.backbone->name.find_first_of("0123456789") + 1));
    EXPECT_TRUE(name.starts_with(start)) << name << " is " << parsed.backbone->name;  // "dinov2", "dinov3"
    EXPECT_EQ(name.find("-noreg") != name.npos, parsed.backbone->storage_tokens == 0) << name;
  }
}

TEST(ModelTable, ThePlusMayStandBeforeOrBehindThePatch) {
  const std::map<std::string, std::string_view> spellings = {{"dinov3/vittplus16", "dinov3/vitt16plus"},
                                                             {"dinov3/vitsplus16-eomt", "dinov3/vits16plus"},
                                                             {"dinov3/vitlplus16-notpretrained", "dinov3/vitl16plus"},
                                                             {"dinov3/vithplus16-notpretrained-eomt", "dinov3/vith16plus"}};
  const std::vector<std::string> names = model_names();
  for (const auto& [name, row] : spellings) {
    EXPECT_EQ(parse_model_name(name).backbone->name, row);
    EXPECT_THAT(names, testing::Contains(name));
  }
}

TEST(ModelTable, RowsSayWhoseLicenceTheirWeightsHaveAndWhoseNormalisation) {
  for (const BackboneRow& row : backbone_table()) {
    EXPECT_THAT(std::string(row.license), testing::HasSubstr(row.family == Family::kDinov2 ? "Apache" : "DINOv3")) << row.name;
    EXPECT_EQ(row.mean[0], row.name.ends_with("-sat493m") ? 0.430 : 0.485) << row.name;
    EXPECT_TRUE(row.weights_file.ends_with(".pth")) << row.name;
  }
}

TEST(ModelTable, AVariantChangesWhatItNamesAndNothingElse) {
  const BackboneRow& row = *parse_model_name("dinov2/vits14").backbone;
  const BackboneRow same = varied(row, {});
  EXPECT_EQ(same.patch, 14);
  EXPECT_EQ(same.position_entries(), 1 + 37 * 37);
  const BackboneRow other = varied(row, {.patch = 16, .position_rows = 40, .position_columns = 30, .channels = 4, .class_position = false});
  EXPECT_EQ(other.patch, 16);
  EXPECT_EQ(other.position_entries(), 40 * 30);
  EXPECT_EQ(other.channels, 4);
  EXPECT_EQ(other.dim, row.dim);
  EXPECT_EQ(on_meta("dinov2/vits14", {}, kNoClasses, {.channels = 4})->backbone().channels, 4);
}

TEST(ModelTable, AVariantThatDoesNotFitIsRefused) {
  const BackboneRow& rotary = *parse_model_name("dinov3/vits16").backbone;
  const BackboneRow& learned = *parse_model_name("dinov2/vits14").backbone;
  EXPECT_THAT(config_error([&] { (void)varied(rotary, {.position_rows = 16, .position_columns = 16}); }),
              testing::HasSubstr("dinov3/vits16 has rotary positions"));
  EXPECT_THAT(config_error([&] { (void)varied(rotary, {.class_position = false}); }), testing::HasSubstr("rotary"));
  EXPECT_THAT(config_error([&] { (void)varied(learned, {.position_rows = 16}); }), testing::HasSubstr("16 x 0 patches"));
  EXPECT_THAT(config_error([&] { (void)varied(learned, {.patch = -16}); }), testing::HasSubstr("patch -16"));
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
  EXPECT_THAT(text, testing::HasSubstr("muster models fetch dinov3/vits16"));
  EomtOptions with_file;
  with_file.backbone_weights = "weights.pth";
  EXPECT_NO_THROW((void)make_model("dinov3/vitt16-eomt", with_file, 3));
}

TEST(ModelTable, OptionsThatDoNotFitAreRefused) {
  EomtOptions options;
  options.num_joint_blocks = 13;
  EXPECT_THAT(config_error([&] { (void)make_model("dinov3/vitt16-notpretrained-eomt", options, 3); }), testing::HasSubstr("has 12 blocks"));
  options = {};
  options.form = "timm";
  EXPECT_THAT(config_error([&] { (void)make_model("dinov3/vitt16-notpretrained", options, 3); }), testing::HasSubstr("form=timm"));
  options = {};
  options.attn_mask_annealing_steps_start = {5};
  EXPECT_THAT(config_error([&] { (void)make_model("dinov3/vitt16-notpretrained-eomt", options, 3); }), testing::HasSubstr("1 entries"));
}

}  // namespace
}  // namespace muster::model
