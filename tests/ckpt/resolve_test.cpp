#include "ckpt/resolve.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "ckpt/tiny_state.hpp"
#include "ckpt/writer.hpp"

namespace muster::ckpt {
namespace {

namespace fs = std::filesystem;

class ResolveWeightsPath : public testing::Test {
 protected:
  void SetUp() override {
    TinyState state;
    Writer writer(run() / "checkpoints", "run-a");
    writer.save(state.view(), 10);
    writer.save(state.view(), 20);
    writer.mark_best(10);
  }
  fs::path run() const { return folder_.path(); }
  void export_to(const std::string& name) {
    fs::create_directories(run() / "exported_models");
    std::ofstream(run() / "exported_models" / name) << "weights";
  }
  // Of what is found, relative to the run's folder.
  std::string found(const fs::path& path) {
    const auto resolved = resolve_weights_path(path);
    return resolved ? fs::relative(resolved->path, fs::canonical(run())).string() : "nothing";
  }

  TemporaryFolder folder_;
};

TEST_F(ResolveWeightsPath, TakesWhatIsThereAsItIs) {
  export_to("exported_best.pt");
  EXPECT_EQ(found(run() / "exported_models" / "exported_best.pt"), "exported_models/exported_best.pt");
  EXPECT_EQ(found(run() / "checkpoints" / "step-20"), "checkpoints/step-20");
  EXPECT_TRUE(resolve_weights_path(run() / "checkpoints" / "step-20")->notice.empty());
}

TEST_F(ResolveWeightsPath, FollowsLastAndBest) {
  EXPECT_EQ(found(run() / "checkpoints" / "last"), "checkpoints/step-20");
  EXPECT_EQ(found(run() / "checkpoints" / "best"), "checkpoints/step-10");
}

TEST_F(ResolveWeightsPath, UnderstandsTheReferencesNamesWithANotice) {
  export_to("exported_best.safetensors");
  EXPECT_EQ(found(run() / "checkpoints" / "last.ckpt"), "checkpoints/step-20");
  EXPECT_EQ(found(run() / "checkpoints" / "best.ckpt"), "checkpoints/step-10");
  EXPECT_EQ(found(run() / "exported_models" / "exported_best.pt"), "exported_models/exported_best.safetensors");
  EXPECT_EQ(found(run() / "exported_models" / "exported_last.pt"), "nothing");
  EXPECT_NE(resolve_weights_path(run() / "checkpoints" / "last.ckpt")->notice.find("last.ckpt"), std::string::npos);
}

TEST_F(ResolveWeightsPath, PrefersTheBestOfARun) {
  EXPECT_EQ(found(run()), "checkpoints/step-10");
  EXPECT_EQ(found(run() / "checkpoints"), "checkpoints/step-10");
  export_to("exported_last.safetensors");
  EXPECT_EQ(found(run()), "checkpoints/step-10");
  fs::remove(run() / "checkpoints" / "best");
  EXPECT_EQ(found(run()), "exported_models/exported_last.safetensors");
  export_to("exported_best.safetensors");
  EXPECT_EQ(found(run()), "exported_models/exported_best.safetensors");
}

TEST_F(ResolveWeightsPath, NeedsNoLinks) {
  fs::remove(run() / "checkpoints" / "best");
  fs::remove(run() / "checkpoints" / "last");
  EXPECT_EQ(found(run()), "checkpoints/step-20");
}

TEST_F(ResolveWeightsPath, FindsNothingWhereNothingIs) {
  EXPECT_EQ(found(run() / "missing"), "nothing");
  EXPECT_EQ(found(run() / "missing" / "last.ckpt"), "nothing");
}

}  // namespace
}  // namespace muster::ckpt
