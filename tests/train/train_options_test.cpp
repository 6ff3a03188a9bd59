#include "train/train_options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/recipe.hpp"
#include "core/error.hpp"

namespace muster::train {
namespace {

using testing::HasSubstr;

std::string message(std::vector<std::string> overrides) {
  for (const char* needed : {"out=o", "data=d", "model=m"}) {
    overrides.insert(overrides.begin(), needed);
  }
  try {
    config::read_options<TrainOptions>(config::recipe_tree({}, overrides));
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(TrainOptions, SaysWhatIsMissing) { EXPECT_THAT(message({"out="}), HasSubstr("out is not set")); }

TEST(TrainOptions, RefusesWhatDoesNotGoTogether) {
  EXPECT_THAT(message({"checkpoint=a", "resume_interrupted=true"}), HasSubstr("exclude each other"));
  EXPECT_THAT(message({"reuse_class_head=true"}), HasSubstr("needs a checkpoint"));
  EXPECT_THAT(message({"batch_size=2", "gradient_accumulation_steps=3"}), HasSubstr("every micro-step needs an image"));
  EXPECT_THAT(message({"steps=-1"}), HasSubstr("steps=-1: expected a whole number of at least 1"));
  EXPECT_THAT(message({"seed=4294967296"}), HasSubstr("seed"));
}

// The reference documents' keys of a semantic segmentation call.
TEST(TrainOptions, TakesTheReferencesKeys) {
  EXPECT_EQ(message({"steps=auto", "precision=auto", "model_args.num_queries=100", "model_args.backbone_weights=w.pth", "transform_args.image_size=[518,518]",
                     "transform_args.normalize.mean=[0.5,0.5,0.5]", "transform_args.val.image_size=[512,512]", "logger_args.tensorboard=null",
                     "save_checkpoint_args.save_every_num_steps=10", "checkpoint=exported_best.pt", "reuse_class_head=true", "ignore_classes=[0]"}),
            "accepted");
}

TEST(TrainOptions, EveryKeyHasHelpAndNoneTwice) {
  std::vector<std::string> keys;
  for (const config::FieldHelp& field : config::fields_of<TrainOptions>()) {
    EXPECT_FALSE(field.help.empty()) << field.key;
    keys.push_back(field.key);
  }
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(std::adjacent_find(keys.begin(), keys.end()), keys.end());
}

}  // namespace
}  // namespace muster::train
