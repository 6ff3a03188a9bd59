#include "weights/random_weights.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include "io/safetensors.hpp"
#include "model/initialisation.hpp"
#include "model/parameters.hpp"
#include "weights/sample_info.hpp"
#include "weights/scalar_types.hpp"
#include "weights/tensor_source.hpp"

namespace muster::weights {
namespace {

class RandomWeightsTest : public testing::Test {
 protected:
  static at::Tensor read(const TensorSource& source, const std::string& name) {
    const StoredTensor& stored = source.at(name);
    at::Tensor tensor = at::empty(stored.shape, torch_type(stored.dtype));
    source.read(stored, 0, stored.numel(), stored.dtype, tensor.data_ptr());
    return tensor;
  }

  TemporaryFolder folder_;
  std::unique_ptr<model::Model> model_ = model::make_model("dinov3/vitt16-notpretrained", {}, 0);
};

TEST_F(RandomWeightsTest, AreThoseOfAModelDrawnInMemoryInOneFileOrMany) {
  for (const ScalarType dtype : {ScalarType::kF32, ScalarType::kBF16}) {
    model::ParameterStore drawn(model_->units(), torch_type(dtype), model::Gradients::kNone);
    model::initialise(drawn, model_->units(), 9);
    for (const std::int64_t max_bytes : {3'000'000LL, 5'000'000'000LL}) {
      const auto files =
          export_muster(folder_ / "w", random_supply(*model_, 9), sample_info(), {.dtype = dtype, .max_shard_bytes = max_bytes}).files;
      EXPECT_EQ(files.size() > 1, max_bytes < 5'000'000);
      const TensorSource source = TensorSource::open(folder_ / "w");
      EXPECT_EQ(source.tensors().size(), drawn.names().size() + model_->buffers().size());
      for (const std::string& name : drawn.names()) {
        EXPECT_TRUE(at::equal(read(source, name), drawn.tensor(name))) << name;
      }
      for (const auto& [name, buffer] : model_->buffers()) {
        EXPECT_TRUE(at::equal(read(source, name), buffer.to(torch_type(dtype)))) << name;
      }
      EXPECT_EQ(parse_weights_info(source.metadata().at("muster"), "file"), sample_info());
    }
  }
}

TEST_F(RandomWeightsTest, FilesKeepToTheirSizeAndSayWhichIsTheLast) {
  const auto files =
      export_muster(folder_.path(), random_supply(*model_, 0), sample_info(), {.dtype = {}, .max_shard_bytes = 6'000'000}).files;
  ASSERT_EQ(files.size(), 5U);  // 22 MB of fp32 in whole tensors, and the index
  EXPECT_EQ(files.front().filename(), "model-00001-of-00004.safetensors");
  EXPECT_EQ(files.back().filename(), "model.safetensors.index.json");
  for (std::size_t i = 0; i + 1 < files.size(); ++i) {
    std::uint64_t bytes = 0;
    const io::SafetensorsFile file(files[i]);
    for (const io::TensorInfo& tensor : file.tensors()) {
      bytes += tensor.bytes;
    }
    EXPECT_LE(bytes, 6'000'000U);
  }
}

TEST_F(RandomWeightsTest, AnotherSeedGivesOtherValues) {
  export_muster(folder_ / "a.safetensors", random_supply(*model_, 1), sample_info());
  export_muster(folder_ / "b.safetensors", random_supply(*model_, 2), sample_info());
  const std::string name = "backbone.blocks.3.mlp.fc1.weight";
  EXPECT_FALSE(
      at::equal(read(TensorSource::open(folder_ / "a.safetensors"), name), read(TensorSource::open(folder_ / "b.safetensors"), name)));
}

}  // namespace
}  // namespace muster::weights
