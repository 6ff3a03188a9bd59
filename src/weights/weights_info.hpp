// What a weight file says about itself: enough to build the model, prepare images and name its classes without the recipe.
// (interface by the lead; the implementation is the weights module's)
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/value.hpp"

namespace muster::weights {

struct WeightClass {
  std::int32_t id = 0;  // as pixels of outputs say it
  std::string name;
};

struct WeightsInfo {
  std::string task = "semantic_segmentation";
  std::string model;           // "dinov3/vitt16-notpretrained-eomt"
  std::string form;            // "lightly_train" | "upstream" | "hf"
  double upscale_norm_eps = 1e-5;
  int num_queries = 0;
  int num_joint_blocks = 0;
  std::vector<WeightClass> classes;         // train index -> id, name
  std::vector<std::int32_t> ignored;        // class ids that are never predicted
  std::vector<std::int64_t> image_size;     // [height, width] of a window
  std::vector<double> mean, std;            // of pixel / 255
  std::string patch_remainder = "drop";     // image rules by name (CONTRACTS 15)
  std::string alpha = "drop";
  std::string grey = "repeat";
  std::string depth16 = "v/257 rounded";
  std::string orientation = "apply";
  std::int64_t step = 0;
  double best = 0;             // score at that step
  std::string watch_metric;
};

io::Value to_value(const WeightsInfo& info);
// DataError, starting with `where`, for what is missing or of the wrong type.
WeightsInfo weights_info_from_value(const io::Value& value, const std::string& where);

}  // namespace muster::weights
