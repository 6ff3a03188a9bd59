#include "data/transform_val.hpp"

#include <string>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace muster::data {
namespace {

// What is left of transform_args.val, where transform_args holds `training` too.
io::Value settled_val(const std::string& training, const std::string& val) {
  io::Value recipe = io::parse_yaml("transform_args: {" + training + "val: {" + val + "}}", "recipe");
  take_settled_val(recipe);
  return recipe.at("transform_args").at("val");
}

std::string val_refusal(const std::string& training, const std::string& val) {
  try {
    (void)settled_val(training, val);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(TransformVal, TakesOutAugmentationsThatAreNone) {
  EXPECT_EQ(settled_val("",
                        "channel_drop: null, scale_jitter: null, random_crop: null, random_flip: null, random_rotate_90: null, random_rotate: "
                        "null, color_jitter: null, smallest_max_size: null, normalize: null, image_size: [32, 32]"),
            io::parse_yaml("{image_size: [32, 32]}", "val"));
  EXPECT_EQ(val_refusal("", "color_jitter: {prob: 0.5}"),
            "transform_args.val.color_jitter is set, but validation images are not varied; write null, or remove it");
}

TEST(TransformVal, TakesOutTheNormalisationOfTraining) {
  const io::Value nothing = io::Value::map();
  EXPECT_EQ(settled_val("", "normalize: auto"), nothing);
  EXPECT_EQ(settled_val("", "normalize: {mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]}"), nothing);  // the defaults
  EXPECT_EQ(settled_val("normalize: {mean: [0.5, 0.5, 0.5], std: [1.0, 1.0, 1.0]}, ", "normalize: {mean: [0.5, 0.5, 0.5], std: [1, 1, 1]}"), nothing);
  EXPECT_EQ(settled_val("normalize: {mean: [0.5, 0.5, 0.5]}, ", "normalize: {mean: [0.5, 0.5, 0.5]}"), nothing);
  const std::string message = val_refusal("", "normalize: {mean: [0.5, 0.5, 0.5]}");
  EXPECT_NE(message.find("val.normalize has mean [0.5, 0.5, 0.5]"), std::string::npos) << message;
  EXPECT_NE(val_refusal("", "normalize: {means: [0.5, 0.5, 0.5]}"), "accepted");
  EXPECT_NE(val_refusal("", "normalize: none"), "accepted");
}

TEST(TransformVal, TakesOutTheShortSideThatEvaluationScalesTo) {
  const io::Value nothing = io::Value::map();
  EXPECT_EQ(settled_val("", "smallest_max_size: {max_size: 512, prob: 1.0}"), nothing);
  EXPECT_EQ(settled_val("image_size: [64, 96], ", "smallest_max_size: {max_size: 64}"), nothing);
  EXPECT_EQ(settled_val("image_size: [64, 96], ", "image_size: [32, 32], smallest_max_size: {max_size: 32}").size(), 1U);
  for (const char* other : {"smallest_max_size: {max_size: 256}", "smallest_max_size: {prob: 0.5}", "smallest_max_size: {side: 512}"}) {
    const std::string message = val_refusal("", other);
    EXPECT_NE(message.find("here 512 pixels"), std::string::npos) << message;
  }
}

TEST(TransformVal, LeavesOthersAlone) {
  for (const char* text : {"steps: 3\n", "transform_args: null\n", "transform_args: {val: null}\n", "transform_args: {val: {image_size: [8, 8]}}\n"}) {
    io::Value recipe = io::parse_yaml(text, "recipe");
    const io::Value before = recipe;
    take_settled_val(recipe);
    EXPECT_EQ(recipe, before);
  }
}

}  // namespace
}  // namespace muster::data
