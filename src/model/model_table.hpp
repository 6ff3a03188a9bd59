// The architectures by name, one row of values each.
//
// A model's name is FAMILY/BACKBONE[-notpretrained][-eomt], as in the reference documents: "dinov3/vits16-eomt" starts from
// published weights, "dinov3/vits16-notpretrained-eomt" from random ones, "dinov3/vits16" is the bare backbone. As in
// LightlyTrain, "dinov2/vits14" has four registers and "dinov2/vits14-noreg" none; "vitt16plus" and "vittplus16" are one model.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace muster::model {

enum class Family { kDinov2, kDinov3 };

enum class FeedForward {
  kMlp,           // fc1, fc2
  kSwiglu,        // w1 (gate), w2 (multiplier), w3 (down)
  kPackedSwiglu,  // w12 (gate, then multiplier), w3
};

struct BackboneRow {
  std::string_view name;  // "dinov3/vitt16"
  int dim = 0;
  int depth = 0;
  int heads = 0;
  FeedForward feed_forward = FeedForward::kMlp;
  int hidden = 0;        // of the feed-forward; of each of the two branches for SwiGLU
  int joint_blocks = 0;  // of EoMT, where the recipe does not say
  bool qkv_bias = true;
  std::string_view weights_file = {};
  std::array<double, 3> mean = {0.485, 0.456, 0.406};
  std::array<double, 3> std = {0.229, 0.224, 0.225};
  int patch = 16;          // pixels
  int storage_tokens = 4;  // registers
  double norm_eps = 1e-5;
  Family family = Family::kDinov3;
  int position_rows = 0, position_columns = 0;  // patches of the learned table; 0 = rotary positions instead
  bool class_position = true;                   // the table's first entry is the class token's (Meta); false: folded into cls_token
  int channels = 3;                             // of the images
  std::string_view license = {};                // of the published weights, in a few words

  int head_dim() const noexcept { return dim / heads; }
  bool learned_position() const noexcept { return position_rows > 0; }
  std::int64_t position_entries() const noexcept {
    return std::int64_t{position_rows} * position_columns + (learned_position() && class_position ? 1 : 0);
  }
  // DINOv3 multiplies its qkv bias by a stored buffer, attn.qkv.bias_mask, which is 0 for k and, in Meta's files, for q and v too.
  bool key_bias_mask() const noexcept { return family == Family::kDinov3 && qkv_bias; }
};

std::span<const BackboneRow> backbone_table();

// What a weight file or recipe may change of a row. 0 = as the row.
struct BackboneVariant {
  int patch = 0;
  int position_rows = 0, position_columns = 0;
  int channels = 0;
  double norm_eps = 0;
  bool class_position = true;  // false takes the table's first entry away
  bool operator==(const BackboneVariant&) const = default;
};

// The row with the variant's values. Throws ConfigError for a negative value, for half a position table, and for positions of
// a family that has no table.
BackboneRow varied(const BackboneRow& row, const BackboneVariant& variant);

struct ModelName {
  const BackboneRow* backbone = nullptr;
  bool pretrained = true;  // needs the weights of its backbone
  bool eomt = false;

  // What the name alone changes of the row: DINOv2 from random weights has the positions of 224 pixels, 16 x 16 patches.
  BackboneVariant variant() const;
};

// Throws ConfigError that names the nearest known model.
ModelName parse_model_name(std::string_view name);

// All names that parse_model_name takes, row by row, each spelling.
std::vector<std::string> model_names();

}  // namespace muster::model
