#include "model/model_table.hpp"

#include <utility>

#include "core/error.hpp"
#include "core/nearest_name.hpp"

namespace muster::model {
namespace {

constexpr auto kMlp = FeedForward::kMlp;
constexpr auto kSwiglu = FeedForward::kSwiglu;
constexpr auto kPackedSwiglu = FeedForward::kPackedSwiglu;
constexpr std::array<double, 3> kSatMean = {0.430, 0.411, 0.296};
constexpr std::array<double, 3> kSatStd = {0.213, 0.156, 0.143};
constexpr int kDinov2Grid = 37;        // 518 pixels of the released files
constexpr int kDinov2RandomGrid = 16;  // 224 pixels, LightlyTrain's size from random weights

constexpr BackboneRow dinov2(std::string_view name, int dim, int depth, int heads, FeedForward feed_forward, int hidden, int joint_blocks,
                             int registers, std::string_view file) {
  return {.name = name,
          .dim = dim,
          .depth = depth,
          .heads = heads,
          .feed_forward = feed_forward,
          .hidden = hidden,
          .joint_blocks = joint_blocks,
          .weights_file = file,
          .patch = 14,
          .storage_tokens = registers,
          .norm_eps = 1e-6,
          .family = Family::kDinov2,
          .position_rows = kDinov2Grid,
          .position_columns = kDinov2Grid,
          .license = "Apache-2.0"};
}

constexpr BackboneRow dinov3(std::string_view name, int dim, int depth, int heads, FeedForward feed_forward, int hidden, int joint_blocks,
                             std::string_view file) {
  return {.name = name,
          .dim = dim,
          .depth = depth,
          .heads = heads,
          .feed_forward = feed_forward,
          .hidden = hidden,
          .joint_blocks = joint_blocks,
          .weights_file = file,
          .license = "DINOv3 licence, gated"};
}

constexpr BackboneRow distilled(BackboneRow row) {
  row.license = "DINOv3 licence, from LightlyTrain";
  return row;
}
constexpr BackboneRow satellite(BackboneRow row) {
  row.mean = kSatMean;
  row.std = kSatStd;
  return row;
}
constexpr BackboneRow without_qkv_bias(BackboneRow row) {
  row.qkv_bias = false;
  return row;
}

// Sources: facebookresearch/dinov2 hub/backbones.py; facebookresearch/dinov3 hub/backbones.py; vitt16* and which names have
// registers: lightly-ai/lightly-train. Hidden widths are those of the files: ratio 4 or 6 times dim; SwiGLU two thirds of that,
// rounded up to 8 (64 for 7B).
constexpr BackboneRow kRows[] = {
    // name, dim, depth, heads, feed-forward, hidden, joint blocks, registers (DINOv2), file
    dinov2("dinov2/vits14", 384, 12, 6, kMlp, 1536, 3, 4, "dinov2_vits14_reg4_pretrain.pth"),
    dinov2("dinov2/vits14-noreg", 384, 12, 6, kMlp, 1536, 3, 0, "dinov2_vits14_pretrain.pth"),
    dinov2("dinov2/vitb14", 768, 12, 12, kMlp, 3072, 3, 4, "dinov2_vitb14_reg4_pretrain.pth"),
    dinov2("dinov2/vitb14-noreg", 768, 12, 12, kMlp, 3072, 3, 0, "dinov2_vitb14_pretrain.pth"),
    dinov2("dinov2/vitl14", 1024, 24, 16, kMlp, 4096, 4, 4, "dinov2_vitl14_reg4_pretrain.pth"),
    dinov2("dinov2/vitl14-noreg", 1024, 24, 16, kMlp, 4096, 4, 0, "dinov2_vitl14_pretrain.pth"),
    dinov2("dinov2/vitg14", 1536, 40, 24, kPackedSwiglu, 4096, 5, 4, "dinov2_vitg14_reg4_pretrain.pth"),
    dinov2("dinov2/vitg14-noreg", 1536, 40, 24, kPackedSwiglu, 4096, 5, 0, "dinov2_vitg14_pretrain.pth"),
    distilled(dinov3("dinov3/vitt16", 192, 12, 3, kMlp, 768, 3, "dinov3_vitt16_distillationv2.pth")),
    distilled(dinov3("dinov3/vitt16plus", 192, 12, 3, kMlp, 1152, 3, "dinov3_vitt16plus_distillationv2.pth")),
    dinov3("dinov3/vits16", 384, 12, 6, kMlp, 1536, 3, "dinov3_vits16_pretrain_lvd1689m-08c60483.pth"),
    dinov3("dinov3/vits16plus", 384, 12, 6, kSwiglu, 1536, 3, "dinov3_vits16plus_pretrain_lvd1689m-4057cbaa.pth"),
    dinov3("dinov3/vitb16", 768, 12, 12, kMlp, 3072, 3, "dinov3_vitb16_pretrain_lvd1689m-73cec8be.pth"),
    dinov3("dinov3/vitl16", 1024, 24, 16, kMlp, 4096, 4, "dinov3_vitl16_pretrain_lvd1689m-8aa4cbdd.pth"),
    satellite(dinov3("dinov3/vitl16-sat493m", 1024, 24, 16, kMlp, 4096, 4, "dinov3_vitl16_pretrain_sat493m-eadcf0ff.pth")),
    dinov3("dinov3/vitl16plus", 1024, 24, 16, kSwiglu, 4096, 4, "dinov3_vitl16plus_pretrain_lvd1689m-46503df0.pth"),
    dinov3("dinov3/vith16plus", 1280, 32, 20, kSwiglu, 5120, 5, "dinov3_vith16plus_pretrain_lvd1689m-7c1da9a5.pth"),
    without_qkv_bias(dinov3("dinov3/vit7b16", 4096, 40, 32, kSwiglu, 8192, 5, "dinov3_vit7b16_pretrain_lvd1689m-a955f4ea.pth")),
    satellite(
        without_qkv_bias(dinov3("dinov3/vit7b16-sat493m", 4096, 40, 32, kSwiglu, 8192, 5, "dinov3_vit7b16_pretrain_sat493m-a6675841.pth"))),
};

// Removes `suffix` from the end of `text`, if it is there.
bool strip(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) {
    return false;
  }
  text.remove_suffix(suffix.size());
  return true;
}

// `name` with its first `from` replaced by `to`; unchanged where there is none.
std::string respelled(std::string_view name, std::string_view from, std::string_view to) {
  std::string result(name);
  if (const std::size_t at = result.find(from); at != std::string::npos) {
    result.replace(at, from.size(), to);
  }
  return result;
}

constexpr std::string_view kPlusBehind = "16plus", kPlusBefore = "plus16";

}  // namespace

std::span<const BackboneRow> backbone_table() {
  return kRows;
}

BackboneRow varied(const BackboneRow& row, const BackboneVariant& variant) {
  if (variant.patch < 0 || variant.position_rows < 0 || variant.position_columns < 0 || variant.channels < 0 || variant.norm_eps < 0) {
    throw ConfigError("{}: patch {}, positions {} x {}, {} channels, norm epsilon {}; none may be negative", row.name, variant.patch,
                      variant.position_rows, variant.position_columns, variant.channels, variant.norm_eps);
  }
  if ((variant.position_rows == 0) != (variant.position_columns == 0)) {
    throw ConfigError("{}: a position table of {} x {} patches; give rows and columns", row.name, variant.position_rows,
                      variant.position_columns);
  }
  if (!row.learned_position() && (variant.position_rows > 0 || !variant.class_position)) {
    throw ConfigError("{} has rotary positions, no position table to change", row.name);
  }
  const auto or_else = [](auto value, auto fallback) { return value != 0 ? value : fallback; };
  BackboneRow result = row;
  result.patch = or_else(variant.patch, row.patch);
  result.position_rows = or_else(variant.position_rows, row.position_rows);
  result.position_columns = or_else(variant.position_columns, row.position_columns);
  result.channels = or_else(variant.channels, row.channels);
  result.norm_eps = or_else(variant.norm_eps, row.norm_eps);
  result.class_position = row.class_position && variant.class_position;
  return result;
}

BackboneVariant ModelName::variant() const {
  if (pretrained || backbone->family != Family::kDinov2) {
    return {};
  }
  return {.position_rows = kDinov2RandomGrid, .position_columns = kDinov2RandomGrid};
}

ModelName parse_model_name(std::string_view name) {
  ModelName result;
  std::string_view rest = name;
  result.eomt = strip(rest, "-eomt");
  result.pretrained = !strip(rest, "-notpretrained");
  const std::string row_name = respelled(rest, kPlusBefore, kPlusBehind);
  for (const BackboneRow& row : kRows) {
    if (row.name == row_name) {
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
    std::vector<std::string> spellings{std::string(row.name)};
    if (std::string other = respelled(row.name, kPlusBehind, kPlusBefore); other != row.name) {
      spellings.push_back(std::move(other));
    }
    for (const std::string& spelling : spellings) {
      for (const char* start : {"", "-notpretrained"}) {
        for (const char* head : {"", "-eomt"}) {
          names.push_back(spelling + start + head);
        }
      }
    }
  }
  return names;
}

}  // namespace muster::model
