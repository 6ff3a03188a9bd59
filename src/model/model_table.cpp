#include "model/model_table.hpp"

#include "core/error.hpp"
#include "core/nearest_name.hpp"

namespace muster::model {
namespace {

constexpr auto kMlp = FeedForward::kMlp;
constexpr auto kSwiglu = FeedForward::kSwiglu;
constexpr std::array<double, 3> kSatMean = {0.430, 0.411, 0.296};
constexpr std::array<double, 3> kSatStd = {0.213, 0.156, 0.143};

// Sources: facebookresearch/dinov3 hub/backbones.py; vitt16* and the file names of all: lightly-ai/lightly-train.
// Hidden widths are those of the files: ratio 4 or 6 times dim; SwiGLU two thirds of that, rounded up to 8 (64 for 7B).
constexpr BackboneRow kRows[] = {
    // name, dim, depth, heads, feed-forward, hidden, joint blocks, qkv bias, file
    {"dinov3/vitt16", 192, 12, 3, kMlp, 768, 3, true, "dinov3_vitt16_distillationv2.pth"},
    {"dinov3/vitt16plus", 192, 12, 3, kMlp, 1152, 3, true, "dinov3_vitt16plus_distillationv2.pth"},
    {"dinov3/vits16", 384, 12, 6, kMlp, 1536, 3, true, "dinov3_vits16_pretrain_lvd1689m-08c60483.pth"},
    {"dinov3/vits16plus", 384, 12, 6, kSwiglu, 1536, 3, true, "dinov3_vits16plus_pretrain_lvd1689m-4057cbaa.pth"},
    {"dinov3/vitb16", 768, 12, 12, kMlp, 3072, 3, true, "dinov3_vitb16_pretrain_lvd1689m-73cec8be.pth"},
    {"dinov3/vitl16", 1024, 24, 16, kMlp, 4096, 4, true, "dinov3_vitl16_pretrain_lvd1689m-8aa4cbdd.pth"},
    {"dinov3/vitl16-sat493m", 1024, 24, 16, kMlp, 4096, 4, true, "dinov3_vitl16_pretrain_sat493m-eadcf0ff.pth", kSatMean, kSatStd},
    {"dinov3/vitl16plus", 1024, 24, 16, kSwiglu, 4096, 4, true, "dinov3_vitl16plus_pretrain_lvd1689m-46503df0.pth"},
    {"dinov3/vith16plus", 1280, 32, 20, kSwiglu, 5120, 5, true, "dinov3_vith16plus_pretrain_lvd1689m-7c1da9a5.pth"},
    {"dinov3/vit7b16", 4096, 40, 32, kSwiglu, 8192, 5, false, "dinov3_vit7b16_pretrain_lvd1689m-a955f4ea.pth"},
    {"dinov3/vit7b16-sat493m", 4096, 40, 32, kSwiglu, 8192, 5, false, "dinov3_vit7b16_pretrain_sat493m-a6675841.pth", kSatMean, kSatStd},
};

// Removes `suffix` from the end of `text`, if it is there.
bool strip(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) {
    return false;
  }
  text.remove_suffix(suffix.size());
  return true;
}

}  // namespace

std::span<const BackboneRow> backbone_table() {
  return kRows;
}

ModelName parse_model_name(std::string_view name) {
  ModelName result;
  std::string_view rest = name;
  result.eomt = strip(rest, "-eomt");
  result.pretrained = !strip(rest, "-notpretrained");
  for (const BackboneRow& row : kRows) {
    if (row.name == rest) {
      result.backbone = &row;
      return result;
    }
  }
  const auto nearest = nearest_name(name, model_names());
  throw ConfigError("model={}: no such model{}; `muster models` lists them", name, nearest ? "; did you mean " + *nearest + "?" : "");
}

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const BackboneRow& row : kRows) {
    for (const char* start : {"", "-notpretrained"}) {
      for (const char* head : {"", "-eomt"}) {
        names.push_back(std::string(row.name) + start + head);
      }
    }
  }
  return names;
}

}  // namespace muster::model
