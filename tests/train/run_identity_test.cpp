#include "train/run_identity.hpp"

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace muster::train {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

RunIdentity identity(const std::string& recipe, const std::string& fingerprint = "f00d") {
  return {.recipe = io::parse_yaml(recipe, "test"), .fingerprint = fingerprint};
}

class RunIdentityTest : public testing::Test {
 protected:
  ~RunIdentityTest() override { fs::remove_all(path_); }
  void claim(const RunIdentity& run, bool overwrite = false) {
    RunFolder folder(path_);
    claim_run_folder(folder, run, overwrite, io::Value::map());
  }
  std::string refusal(const RunIdentity& run) {
    try {
      claim(run);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "accepted";
  }
  const fs::path path_ = fs::temp_directory_path() / ("run_identity_test." + std::to_string(::getpid()));
};

TEST_F(RunIdentityTest, TheSameRunMayGoOnWithOtherThreadsAndSaves) {
  claim(identity("{seed: 1, loader: {threads: 2}, save_checkpoint_args: {save_every_num_steps: 10}}"));
  EXPECT_EQ(refusal(identity("{seed: 1, loader: {threads: 7}, save_checkpoint_args: {save_every_num_steps: 3}}")), "accepted");
}

TEST_F(RunIdentityTest, AnotherRunIsRefusedByTheFirstKeyThatDiffers) {
  claim(identity("{seed: 1, model_args: {lr: 0.1}}"));
  EXPECT_THAT(refusal(identity("{seed: 1, model_args: {lr: 0.2}}")), HasSubstr("model_args.lr is 0.1 there and 0.2 here"));
  EXPECT_THAT(refusal(identity("{seed: 1, model_args: {lr: 0.1}}", "beef")), HasSubstr("data fingerprint is \"f00d\" there"));
}

TEST_F(RunIdentityTest, OtherFilesAreNotOverwrittenUnlessAsked) {
  fs::create_directories(path_);
  write_file_atomically(path_ / "thesis.tex", "x");
  EXPECT_THAT(refusal(identity("{seed: 1}")), HasSubstr("holds no run of Muster"));
  EXPECT_TRUE(fs::exists(path_ / "thesis.tex"));
  claim(identity("{seed: 1}"), true);
  EXPECT_FALSE(fs::exists(path_ / "thesis.tex"));
  claim(identity("{seed: 2}"), true);
  EXPECT_THAT(read_file(path_ / "recipe.yaml"), HasSubstr("seed: 2"));
}

TEST_F(RunIdentityTest, OverwriteDoesNotRemoveTheVeryRunThatGoesOn) {
  claim(identity("{seed: 1}"));
  write_file_atomically(path_ / "weights", "x");
  claim(identity("{seed: 1}"), true);
  EXPECT_TRUE(fs::exists(path_ / "weights"));
}

}  // namespace
}  // namespace muster::train
