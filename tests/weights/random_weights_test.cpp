#include "weights/random_weights.hpp"

#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "io/safetensors.hpp"
#include "model/initialisation.hpp"
#include "weights/sample_info.hpp"
#include "weights/scalar_types.hpp"
#include "weights/tensor_source.hpp"

namespace muster::weights {
namespace {

at::Tensor read(const TensorSource& source, const std::string& name) {
  const StoredTensor& stored = source.at(name);
  at::Tensor tensor = at::empty(stored.shape, torch_type(stored.dtype));
  source.read(stored, 0, stored.numel(), stored.dtype, tensor.data_ptr());
  return tensor;
}

TEST(RandomWeights, AreThoseOfAModelDrawnInMemoryInOneFileOrMany) {
  const auto model = model::make_model("dinov3/vitt16-notpretrained", {}, 0);
  for (const ScalarType dtype : {ScalarType::kF32, ScalarType::kBF16}) {
    model::ParameterStore drawn(model->units(), torch_type(dtype), model::Gradients::kNone);
    model::initialise(drawn, model->units(), 9);
    for (const std::uint64_t max_file_bytes : {3'000'000ULL, 5'000'000'000ULL}) {
      const TemporaryFolder folder;
      const auto files =
          write_random_weights(folder / "w", *model, sample_info(), {.seed = 9, .dtype = dtype, .max_file_bytes = max_file_bytes});
      EXPECT_EQ(files.size() > 1, max_file_bytes < 5'000'000);
      const TensorSource source = TensorSource::open(folder / "w");
      EXPECT_EQ(source.tensors().size(), drawn.names().size() + model->buffers().size());
      for (const std::string& name : drawn.names()) {
        EXPECT_TRUE(at::equal(read(source, name), drawn.tensor(name))) << name;
      }
      for (const auto& [name, buffer] : model->buffers()) {
        EXPECT_TRUE(at::equal(read(source, name), buffer)) << name;
      }
      EXPECT_EQ(parse_weights_info(source.metadata().at("muster"), "file"), sample_info());
    }
  }
}

TEST(RandomWeights, FilesKeepToTheirSizeAndTellWhichIsTheLast) {
  const auto model = model::make_model("dinov3/vitt16-notpretrained", {}, 0);
  const TemporaryFolder folder;
  const auto files = write_random_weights(folder.path(), *model, sample_info(), {.max_file_bytes = 6'000'000});
  ASSERT_EQ(files.size(), 6U);  // 22 MB of fp32, and the index
  EXPECT_EQ(files.front().filename(), "model-00001-of-00005.safetensors");
  EXPECT_EQ(files.back().filename(), "model.safetensors.index.json");
  for (std::size_t i = 0; i + 1 < files.size(); ++i) {
    std::uint64_t bytes = 0;
    for (const io::TensorInfo& tensor : io::SafetensorsFile(files[i]).tensors()) {
      bytes += tensor.bytes;
    }
    EXPECT_LE(bytes, 6'000'000U);
  }
}

TEST(RandomWeights, AnEarlierExportIntoTheSameFolderIsNotReadInItsPlace) {
  const auto model = model::make_model("dinov3/vitt16-notpretrained", {}, 0);
  const TemporaryFolder folder;
  for (const std::uint64_t max_file_bytes : {5'000'000'000ULL, 6'000'000ULL, 5'000'000'000ULL}) {
    static std::uint64_t seed = 0;
    write_random_weights(folder.path(), *model, sample_info(), {.seed = ++seed, .max_file_bytes = max_file_bytes});
    at::Tensor expected = at::empty({1, 1, 192}, at::kFloat);
    const model::UnitSpec& stem = model->units().front();
    ASSERT_EQ(stem.parameters[0].name, "backbone.cls_token");
    model::fill(expected, stem.inits[0], seed, "backbone.cls_token");
    EXPECT_TRUE(at::equal(read(TensorSource::open(folder.path()), "backbone.cls_token"), expected)) << max_file_bytes;
  }
}

TEST(RandomWeights, WholeNumbersAreNoWeights) {
  const auto model = model::make_model("dinov3/vitt16-notpretrained", {}, 0);
  const TemporaryFolder folder;
  EXPECT_THROW(write_random_weights(folder.path(), *model, sample_info(), {.dtype = ScalarType::kI32}), ConfigError);
}

}  // namespace
}  // namespace muster::weights
