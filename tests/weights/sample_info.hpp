// A description and a folder for the tests of weight files.
#pragma once

#include <filesystem>
#include <string>

#include <unistd.h>

#include "weights/weights_info.hpp"
#include "support/temporary_folder.hpp"

namespace muster::weights {

inline WeightsInfo sample_info() {
  WeightsInfo info;
  info.model = "dinov3/vitt16-notpretrained-eomt";
  info.num_queries = 7;
  info.num_joint_blocks = 3;
  info.classes = {{.id = 0, .name = "building", .color = {60, 16, 152}},
                  {.id = 3, .name = "forêt", .color = {1, 2, 3}},
                  {.id = 9, .name = "water", .color = {}}};
  info.ignored_classes = {255};
  info.transform = {.image_size = {64, 96}, .num_channels = 3, .mean = {0.485, 0.456, 0.406}, .std = {0.229, 0.224, 0.225}};
  info.run_id = "9f2c";
  info.step = 40;
  info.metric = "val_metric/miou";
  info.metric_value = 1.0 / 3.0;
  return info;
}

using testing_support::TemporaryFolder;

}  // namespace muster::weights
