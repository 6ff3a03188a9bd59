#include "weights/weight_cache.hpp"

#include <cstdlib>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "weights/sample_info.hpp"

namespace muster::weights {
namespace {

using testing::HasSubstr;

PublishedWeights published(const std::string& name) {
  return published_backbone(*model::parse_model_name(name).backbone);
}

std::string error_of(const std::string& model, const model::EomtOptions& options = {}) {
  try {
    return "found " + find_backbone_weights(model, options).string();
  } catch (const ConfigError& error) {
    return error.what();
  }
}

class WeightCache : public testing::Test {
 protected:
  void SetUp() override { ::setenv("MUSTER_MODEL_CACHE", folder_.path().c_str(), 1); }
  void TearDown() override { ::unsetenv("MUSTER_MODEL_CACHE"); }
  void put(const std::string& name) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << "x";
  }
  TemporaryFolder folder_;
};

// Addresses as hub/backbones.py of dinov2 and dinov3 puts them together, and the repositories of the specification.
TEST(Published, BackbonesLieWhereTheirMakersSay) {
  EXPECT_EQ(published("dinov2/vits14-noreg").url, "https://dl.fbaipublicfiles.com/dinov2/dinov2_vits14/dinov2_vits14_pretrain.pth");
  EXPECT_EQ(published("dinov2/vitg14").url, "https://dl.fbaipublicfiles.com/dinov2/dinov2_vitg14/dinov2_vitg14_reg4_pretrain.pth");
  EXPECT_EQ(published("dinov2/vitl14").repository, "facebook/dinov2-with-registers-large");
  EXPECT_EQ(published("dinov2/vitb14-noreg").repository, "facebook/dinov2-base");
  EXPECT_EQ(published("dinov3/vits16").url,
            "https://dl.fbaipublicfiles.com/dinov3/dinov3_vits16/dinov3_vits16_pretrain_lvd1689m-08c60483.pth");
  EXPECT_EQ(published("dinov3/vit7b16-sat493m").repository, "facebook/dinov3-vit7b16-pretrain-sat493m");
  EXPECT_EQ(published("dinov3/vitt16").url,
            "https://lightly-train-checkpoints.s3.us-east-1.amazonaws.com/dinov3/dinov3_vitt16_distillationv2.pth");
}

TEST(Published, OnlyMetasDinov3IsGatedAndItsNamesPromiseAHash) {
  EXPECT_TRUE(published("dinov3/vitb16").gated());
  EXPECT_EQ(published("dinov3/vitb16").sha256, "73cec8be");
  EXPECT_FALSE(published("dinov3/vitt16").gated());
  EXPECT_FALSE(published("dinov2/vitb14").gated());
  EXPECT_EQ(published("dinov2/vitb14").sha256, "");
  EXPECT_EQ(promised_sha256("no-hash.pth"), "");
  EXPECT_EQ(promised_sha256("facade-01234567.safetensors"), "01234567");
}

TEST(Published, EveryModelHasAWholeHashAndANameOfItsOwn) {
  for (const PublishedModel& model : published_models()) {
    EXPECT_EQ(model.sha256.size(), 64U) << model.name;
    EXPECT_EQ(find_published_model(model.name), &model);
  }
  EXPECT_EQ(find_published_model("dinov3/vits16"), nullptr);
}

TEST(Places, FollowTheLastPartOfTheAddress) {
  EXPECT_EQ(place_of("https://host/a/b/file-01.pth?key=a/b#c").name, "file-01.pth");
  EXPECT_EQ(place_of("http://127.0.0.1:80/file.pth").name, "file.pth");
  const FetchPlace folder = place_of("https://huggingface.co/facebook/dinov2-small");
  EXPECT_TRUE(folder.repository);
  EXPECT_EQ(folder.name, "facebook--dinov2-small");
  EXPECT_EQ(place_of("https://huggingface.co/facebook/dinov2-small/resolve/main/model.safetensors").name,
            "facebook--dinov2-small/model.safetensors");
}

TEST(Places, RefuseWhatIsNoFilesAddress) {
  for (const char* url :
       {"https://host", "https://host/", "https://host/a/..", "ftp://host/a.pth", "https://host/a/.hidden", "https://host/a%2fb.pth"}) {
    EXPECT_THROW(static_cast<void>(place_of(url)), ConfigError) << url;
  }
}

TEST_F(WeightCache, HoldsMetasFileOrTheRepositorysFolder) {
  EXPECT_FALSE(find_cached(published("dinov2/vits14")));
  put("facebook--dinov2-with-registers-small/model.safetensors");
  EXPECT_EQ(find_cached(published("dinov2/vits14")), folder_ / "facebook--dinov2-with-registers-small");
  put("dinov2-with-registers-small/model.safetensors.index.json");
  EXPECT_EQ(find_cached(published("dinov2/vits14")), folder_ / "dinov2-with-registers-small");
  put("dinov2_vits14_reg4_pretrain.pth");
  EXPECT_EQ(find_cached(published("dinov2/vits14")), folder_ / "dinov2_vits14_reg4_pretrain.pth");
}

TEST_F(WeightCache, SaysWhatToDoWhereNothingIsThere) {
  const std::string open = error_of("dinov2/vits14-eomt");
  EXPECT_THAT(open, HasSubstr("dinov2_vits14_reg4_pretrain.pth"));
  EXPECT_THAT(open, HasSubstr("muster models fetch dinov2/vits14`"));
  EXPECT_THAT(open, HasSubstr((folder_ / "dinov2_vits14_reg4_pretrain.pth").string()));
  EXPECT_THAT(open, HasSubstr("dinov2/vits14-notpretrained-eomt"));
  const std::string gated = error_of("dinov3/vits16");
  EXPECT_THAT(gated, HasSubstr("gated"));
  EXPECT_THAT(gated, HasSubstr("https://ai.meta.com/resources/models-and-libraries/dinov3-downloads/"));
  EXPECT_THAT(gated, HasSubstr("https://huggingface.co/facebook/dinov3-vits16-pretrain-lvd1689m"));
}

TEST_F(WeightCache, TheRecipesFileComesFirstThenItsAddressThenTheCache) {
  put("dinov3_vitt16_distillationv2.pth");
  EXPECT_EQ(error_of("dinov3/vitt16"), "found " + (folder_ / "dinov3_vitt16_distillationv2.pth").string());
  model::EomtOptions options;
  options.backbone_url = "https://host/own.pth";
  EXPECT_THAT(error_of("dinov3/vitt16", options), HasSubstr("muster models fetch 'https://host/own.pth'"));
  put("own.pth");
  EXPECT_EQ(error_of("dinov3/vitt16", options), "found " + (folder_ / "own.pth").string());
  options.backbone_weights = (folder_ / "dinov3_vitt16_distillationv2.pth").string();
  EXPECT_EQ(error_of("dinov3/vitt16", options), "found " + options.backbone_weights);
  options.backbone_weights = "/nowhere.pth";
  EXPECT_THAT(error_of("dinov3/vitt16", options), HasSubstr("model_args.backbone_weights=/nowhere.pth"));
}

}  // namespace
}  // namespace muster::weights
