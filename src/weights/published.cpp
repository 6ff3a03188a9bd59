#include "weights/published.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace muster::weights {
namespace {

constexpr std::string_view kMetaUrl = "https://dl.fbaipublicfiles.com";
constexpr std::string_view kLightlyTrainUrl = "https://lightly-train-checkpoints.s3.us-east-1.amazonaws.com";
constexpr std::string_view kDinov3Access = "https://ai.meta.com/resources/models-and-libraries/dinov3-downloads/";
constexpr std::string_view kPretrain = "_pretrain";

// Models with patches of 32 pixels come with their backbones, later.
constexpr PublishedModel kModels[] = {
    {"dinov3/vitt16-eomt-coco", "dinov3_vitt16_eomt_coco_260106_104e563e.pt",
     "104e563ebcd8b7d2842db5f0cc6f8d0e67f1607a063ab818725e9af6f6fe7c27"},
    {"dinov3/vitt16plus-eomt-coco", "dinov3_vitt16plus_eomt_coco_260106_68339a7d.pt",
     "68339a7d5baa0dd6fdd88660410939eb78fc8a8c9332145b9b8ac91a2291950b"},
    {"dinov3/vits16-eomt-coco", "dinov3_vits16_eomt_coco_260105_11be50b5.pt",
     "11be50b578251c974b1fdb413c76e2cd7cfe1e154f6118556bd87477ea205d5a"},
    {"dinov3/vits16-eomt-cityscapes", "dinov3_eomt/lightlytrain_dinov3_eomt_vits16_cityscapes.pt",
     "ef7d54eac202bb0a6707fd7115b689a748d032037eccaa3a6891b57b83f18b7e"},
    {"dinov3/vits16-eomt-ade20k", "dinov3_eomt/lightlytrain_dinov3_eomt_vits16_autolabel_sun397.pt",
     "f9f002e5adff875e0a97a3b310c26fe5e10c26d69af4e830a4a67aa7dda330aa"},
    {"dinov3/vitb16-eomt-coco", "dinov3_vitb16_eomt_coco_260105_92de5e05.pt",
     "92de5e0550f51647e201eef3537a35a8bba75b4e41323b9a7df3c54e6ab400b9"},
    {"dinov3/vitb16-eomt-cityscapes", "dinov3_eomt/lightlytrain_dinov3_eomt_vitb16_cityscapes.pt",
     "e78e6b1f372ac15c860f64445d8265fd5e9d60271509e106a92b7162096c9560"},
    {"dinov3/vitb16-eomt-ade20k", "dinov3_eomt/lightlytrain_dinov3_eomt_vitb16_autolabel_sun397.pt",
     "400f7a1b42a7b67babf253d6aade0be334173d70e7351a01159698ac2d2335ca"},
    {"dinov3/vitl16-eomt-coco", "dinov3_vitl16_eomt_coco_260105_6169fdd8.pt",
     "6169fdd8edf7d4648c45c6aa1d09b9a4e917ba51dcbd36acf8fbf04a25d1e516"},
    {"dinov3/vitl16-eomt-cityscapes", "dinov3_eomt/lightlytrain_dinov3_eomt_vitl16_cityscapes.pt",
     "3f397e6ca0af4555adb1da9efa489b734e35fbeac15b4c18e408c63922b41f6c"},
    {"dinov3/vitl16-eomt-ade20k", "dinov3_eomt/lightlytrain_dinov3_eomt_vitl16_ade20k.pt",
     "eb31183c70edd4df8923cba54ce2eefa517ae328cf3caf0106d2795e34382f8f"},
    {"dinov3/vitt16-eomt-panoptic-coco", "dinov3_vitt16_eomt_panoptic_coco_260113_770c0a1f.pt",
     "770c0a1f024b9a78a6669d44968e2ab15b6d812839ce0c28732889ec5370ceea"},
    {"dinov3/vitt16plus-eomt-panoptic-coco", "dinov3_vitt16plus_eomt_panoptic_coco_260113_25765911.pt",
     "25765911e4ebc6d735f385e8350a1c9924b4ccf08657d3868fbaa95ff4cc64e9"},
    {"dinov3/vits16-eomt-panoptic-coco", "dinov3_vits16_eomt_panoptic_coco_251219_89e8a64f.pt",
     "89e8a64fb601c509df76d09ed6ddb6789e080147cadcff9700cf5792dfc20167"},
    {"dinov3/vitb16-eomt-panoptic-coco", "dinov3_vitb16_eomt_panoptic_coco_251209_05948298.pt",
     "0594829822a23935079c35304f3bd1c7fede802114bc1a699780df693f2dea6c"},
    {"dinov3/vitl16-eomt-panoptic-coco", "dinov3_vitl16_eomt_panoptic_coco_251209_e0c1e6ae.pt",
     "e0c1e6aeb245dbe6fd8735ffea48b81978b66b1a320533498de4375c18ad4368"},
    {"dinov3/vitl16-eomt-panoptic-coco-1280", "dinov3_vitl16_eomt_panoptic_coco_1280_251209_3da0b210.pt",
     "3da0b21000bba3747bcb3e4ac4ee1e38641614022281f4b710d7442c643182f2"},
};

std::string_view dinov2_size(std::string_view architecture) {
  constexpr std::pair<std::string_view, std::string_view> kSizes[] = {
      {"vits", "small"}, {"vitb", "base"}, {"vitl", "large"}, {"vitg", "giant"}};
  const auto found =
      std::ranges::find_if(kSizes, [&](const auto& size) { return architecture.find(size.first) != std::string_view::npos; });
  return found == std::end(kSizes) ? "" : found->second;
}

// dinov3_vits16_pretrain_lvd1689m-08c60483.pth is facebook/dinov3-vits16-pretrain-lvd1689m.
std::string dinov3_repository(std::string_view file) {
  if (file.find("vitl16plus") != std::string_view::npos) {
    return "";  // not known to be there
  }
  std::string name(file.substr(0, file.rfind('-')));
  std::ranges::replace(name, '_', '-');
  return "facebook/" + name;
}

}  // namespace

PublishedWeights published_backbone(const model::BackboneRow& row) {
  const std::string file(row.weights_file);
  const std::string architecture = file.substr(0, file.find(kPretrain));
  if (architecture == file) {  // distilled by LightlyTrain
    return {.file = file, .url = fmt::format("{}/dinov3/{}", kLightlyTrainUrl, file), .repository = {}, .sha256 = {}, .access = {}};
  }
  if (row.family == model::Family::kDinov2) {
    const bool registers = architecture.ends_with("_reg4");
    const std::string folder = registers ? architecture.substr(0, architecture.rfind('_')) : architecture;
    return {.file = file,
            .url = fmt::format("{}/dinov2/{}/{}", kMetaUrl, folder, file),
            .repository = fmt::format("facebook/dinov2-{}{}", registers ? "with-registers-" : "", dinov2_size(architecture)),
            .sha256 = {},
            .access = {}};
  }
  return {.file = file,
          .url = fmt::format("{}/dinov3/{}/{}", kMetaUrl, architecture, file),
          .repository = dinov3_repository(file),
          .sha256 = promised_sha256(file),
          .access = kDinov3Access};
}

std::span<const PublishedModel> published_models() {
  return kModels;
}

const PublishedModel* find_published_model(std::string_view name) {
  const auto found = std::ranges::find(kModels, name, &PublishedModel::name);
  return found == std::end(kModels) ? nullptr : &*found;
}

PublishedWeights published_weights(const PublishedModel& model) {
  return {.file = std::string(model.path.substr(model.path.rfind('/') + 1)),
          .url = fmt::format("{}/{}", kLightlyTrainUrl, model.path),
          .repository = {},
          .sha256 = std::string(model.sha256),
          .access = {}};
}

std::string promised_sha256(std::string_view file_name) {
  const std::string_view stem = file_name.substr(0, file_name.rfind('.'));
  const auto dash = stem.rfind('-');
  const std::string_view digits = dash == std::string_view::npos ? "" : stem.substr(dash + 1);
  const bool hex = std::ranges::all_of(digits, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  return hex && digits.size() >= 8 ? std::string(digits) : "";
}

}  // namespace muster::weights
