// What a weight file says about itself: enough to build the model, to prepare an image and to name what it predicts.
// Stored as JSON, in the metadata key `muster` of a weight file and in the record `weights` of a checkpoint. The keys
// `variant` and `source` are there only where they say something.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/model_table.hpp"

namespace muster::weights {

// Of train index i = position in the list (CONTRACTS 14).
struct ClassEntry {
  std::int32_t id = 0;
  std::string name;
  std::array<std::uint8_t, 3> color{};  // RGB, for overlays
  bool operator==(const ClassEntry&) const = default;
};

// By name, as CONTRACTS 15 lists them. A reader refuses a name that it does not know.
struct ImageRules {
  std::string alpha = "drop";
  std::string grey = "repeat";
  std::string cmyk = "jpeg";
  std::string sixteen_bit = "v/257";
  std::string orientation = "exif";
  std::string patch_remainder = "drop";
  bool operator==(const ImageRules&) const = default;
};

struct TransformSettings {
  std::vector<int> image_size{512, 512};  // [height, width] of the window, pixels
  int num_channels = 3;
  std::vector<double> mean;  // of pixel / 255, per channel
  std::vector<double> std;
  bool operator==(const TransformSettings&) const = default;
};

// Which published or foreign file the weights were read from; empty for Muster's own runs.
struct Provenance {
  std::string file;  // its name, without folders
  std::string form;  // "Meta DINOv3"
  std::string hash;
  bool operator==(const Provenance&) const = default;
};

struct WeightsInfo {
  std::string task = "semantic_segmentation";
  std::string model;                   // architecture's name: "dinov3/vitt16-notpretrained-eomt"
  model::BackboneVariant variant;      // what the backbone differs in from the architecture's row
  std::string form = "lightly_train";  // whose details where published code differs
  double upscale_norm_eps = 1e-5;
  int num_queries = 0;
  int num_joint_blocks = 0;
  std::vector<ClassEntry> classes;
  std::vector<std::int32_t> ignored_classes;  // ids
  ImageRules image_rules;
  TransformSettings transform;
  std::string run_id;
  std::int64_t step = 0;
  std::string metric;                  // "val_metric/miou"
  std::optional<double> metric_value;  // at `step`; none where nothing was evaluated
  Provenance source;
  bool operator==(const WeightsInfo&) const = default;
};

// One line of JSON.
std::string to_json(const WeightsInfo& info);
// DataError, starting with `where`, for anything that is not such a description or names a rule that this build does not know.
WeightsInfo parse_weights_info(std::string_view json, const std::string& where);

}  // namespace muster::weights
