#include "data/transform_none.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace muster::data {
namespace {

TEST(TransformNone, SwitchesOffWhatIsNull) {
  io::Value recipe = io::parse_yaml(
      "transform_args: {image_size: [64, 64], color_jitter: null, random_flip: , scale_jitter: ~, random_crop: null, random_rotate: {prob: "
      "0.5}}\n"
      "loader: null\n",
      "recipe");
  switch_off_none(recipe);
  const io::Value& transform = recipe.at("transform_args");
  EXPECT_EQ(transform.at("color_jitter"), io::Value::map({{"prob", 0.0}}));
  EXPECT_EQ(transform.at("scale_jitter"), io::Value::map({{"prob", 0.0}}));
  EXPECT_EQ(transform.at("random_flip"), io::Value::map({{"horizontal_prob", 0.0}, {"vertical_prob", 0.0}}));
  EXPECT_EQ(transform.at("random_rotate"), io::Value::map({{"prob", 0.5}}));
  EXPECT_TRUE(transform.at("random_crop").is_null());  // the crop gives the batch its size: it cannot be switched off
  EXPECT_EQ(transform.find("smallest_max_size"), nullptr);
  EXPECT_TRUE(recipe.at("loader").is_null());
}

TEST(TransformNone, TakesOutWhatIsAsIfItWereNotThere) {
  io::Value recipe = io::parse_yaml(
      "transform_args: {channel_drop: null, normalize: auto, scale_jitter: {min_scale: 0.1, divisible_by: null}, image_size: [64, 64]}", "recipe");
  switch_off_none(recipe);
  EXPECT_EQ(recipe, io::parse_yaml("transform_args: {scale_jitter: {min_scale: 0.1}, image_size: [64, 64]}", "recipe"));
  io::Value other = io::parse_yaml("transform_args: {normalize: null}", "recipe");
  switch_off_none(other);
  EXPECT_EQ(other.at("transform_args").find("normalize"), nullptr);
  io::Value kept = io::parse_yaml("transform_args: {normalize: {mean: [0, 0, 0]}, scale_jitter: {divisible_by: 14}}", "recipe");
  const io::Value before = kept;
  switch_off_none(kept);
  EXPECT_EQ(kept, before);
}

TEST(TransformNone, RefusesToDropChannels) {
  io::Value recipe = io::parse_yaml("transform_args: {channel_drop: {num_channels_keep: 2}}", "recipe");
  EXPECT_THROW(switch_off_none(recipe), ConfigError);
}

TEST(TransformNone, LeavesARecipeWithoutTransformsAlone) {
  for (const char* text : {"steps: 3\n", "transform_args: null\n", "{}\n"}) {
    io::Value recipe = io::parse_yaml(text, "recipe");
    const io::Value before = recipe;
    switch_off_none(recipe);
    EXPECT_EQ(recipe, before);
  }
}

}  // namespace
}  // namespace muster::data
