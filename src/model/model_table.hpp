// The architectures by name, one row of values each.
//
// A model's name is FAMILY/BACKBONE[-notpretrained][-eomt], as in the reference documents: "dinov3/vits16-eomt" starts from
// published weights, "dinov3/vits16-notpretrained-eomt" from random ones, "dinov3/vits16" is the bare backbone.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace muster::model {

enum class FeedForward { kMlp, kSwiglu };

struct BackboneRow {
  std::string_view name;  // "dinov3/vitt16"
  int dim = 0;
  int depth = 0;
  int heads = 0;
  FeedForward feed_forward = FeedForward::kMlp;
  int hidden = 0;        // of the feed-forward; of each of the two branches for SwiGLU
  int joint_blocks = 0;  // of EoMT, where the recipe does not say
  bool qkv_bias = true;  // with a stored bias_mask, which is 0 for k
  std::string_view weights_file;
  std::array<double, 3> mean = {0.485, 0.456, 0.406};
  std::array<double, 3> std = {0.229, 0.224, 0.225};
  int patch = 16;
  int storage_tokens = 4;
  double norm_eps = 1e-5;

  int head_dim() const noexcept { return dim / heads; }
};

std::span<const BackboneRow> backbone_table();

struct ModelName {
  const BackboneRow* backbone = nullptr;
  bool pretrained = true;  // needs the weights of its backbone
  bool eomt = false;
};

// Throws ConfigError that names the nearest known model.
ModelName parse_model_name(std::string_view name);

// All names that parse_model_name takes, row by row.
std::vector<std::string> model_names();

}  // namespace muster::model
