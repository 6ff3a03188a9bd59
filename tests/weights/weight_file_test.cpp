#include "weights/weight_file.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "model/initialisation.hpp"
#include "weights/sample_info.hpp"

namespace muster::weights {
namespace {

using model::NamedTensor;

std::vector<NamedTensor> sample_tensors() {
  return {{.name = "queries.weight", .tensor = at::arange(28, at::kFloat).view({7, 4})},
          {.name = "class_head.bias", .tensor = at::arange(4, at::kFloat)},
          {.name = "backbone.norm.weight", .tensor = at::full({4}, 1.5, at::kDouble)}};
}

std::vector<NamedTensor> zeros_of(const std::vector<NamedTensor>& tensors) {
  std::vector<NamedTensor> zeros;
  for (const auto& [name, tensor] : tensors) {
    zeros.push_back({.name = name, .tensor = at::zeros_like(tensor)});
  }
  return zeros;
}

// "" when it loads.
std::string error_of(const WeightFile& file, const std::vector<NamedTensor>& tensors) {
  try {
    file.load(tensors);
    return "";
  } catch (const DataError& error) {
    return error.what();
  }
}

class WeightFileTest : public testing::Test {
 protected:
  std::filesystem::path path() const { return folder_.path() / "exported_best.safetensors"; }
  TemporaryFolder folder_;
};

TEST_F(WeightFileTest, GivesBackTensorsAndDescription) {
  export_weights(path(), sample_tensors(), sample_info());
  const WeightFile file(path());
  EXPECT_EQ(file.info(), sample_info());
  EXPECT_EQ(file.file().info("backbone.norm.weight").dtype, ScalarType::kF32) << "fp32, whatever the model computes in";
  const std::vector<NamedTensor> read = zeros_of(sample_tensors());
  file.load(read);
  for (std::size_t i = 0; i < read.size(); ++i) {
    EXPECT_TRUE(read[i].tensor.equal(sample_tensors()[i].tensor)) << read[i].name;
  }
}

TEST_F(WeightFileTest, WritesTensorsThatAreViews) {
  const at::Tensor transposed = at::arange(6, at::kFloat).view({2, 3}).t();
  export_weights(path(), std::vector<NamedTensor>{{.name = "a", .tensor = transposed}}, sample_info());
  EXPECT_TRUE(WeightFile(path()).tensor("a").equal(transposed));
}

TEST_F(WeightFileTest, SaysWhatDoesNotFitAndCopiesNothing) {
  export_weights(path(), sample_tensors(), sample_info());
  const WeightFile file(path());

  std::vector<NamedTensor> wanted = zeros_of(sample_tensors());
  wanted.push_back({.name = "mask_head.0.weight", .tensor = at::zeros({2, 2})});
  EXPECT_NE(error_of(file, wanted).find("1 tensors are missing: mask_head.0.weight"), std::string::npos) << error_of(file, wanted);
  EXPECT_TRUE(wanted[0].tensor.eq(0).all().item<bool>());

  wanted.pop_back();
  wanted[1].tensor = at::zeros({5});
  EXPECT_NE(error_of(file, wanted).find("class_head.bias [4] for [5]"), std::string::npos) << error_of(file, wanted);

  wanted.erase(wanted.begin() + 1);
  EXPECT_NE(error_of(file, wanted).find("not the model's: class_head.bias"), std::string::npos) << error_of(file, wanted);
}

TEST_F(WeightFileTest, RefusesAFileThatMusterDidNotExport) {
  const float value = 1;
  io::write_safetensors(path(), std::vector<io::TensorView>{{.name = "a",
                                                             .dtype = ScalarType::kF32,
                                                             .shape = {1},
                                                             .data = reinterpret_cast<const std::byte*>(&value),
                                                             .bytes = sizeof value}});
  EXPECT_THROW(WeightFile file(path()), DataError);
  EXPECT_THROW(WeightFile file(folder_.path() / "missing.safetensors"), DataError);
}

TEST_F(WeightFileTest, HoldsEveryParameterAndBufferOfAModel) {
  model::EomtOptions options;
  options.num_queries = 7;
  const auto build = [&] { return model::make_model("dinov3/vitt16-notpretrained-eomt", options, 3); };
  const auto model = build();
  const model::ParameterStore parameters(model->units(), at::TensorOptions().dtype(at::kFloat));
  const std::vector<NamedTensor> tensors = stored_tensors(*model, parameters);
  std::uint32_t value = 1;
  for (const NamedTensor& named : tensors) {
    named.tensor.detach().fill_(static_cast<double>(value++));
  }
  export_weights(path(), tensors, sample_info());

  const WeightFile file(path());
  EXPECT_TRUE(file.file().contains("backbone.rope_embed.periods"));
  EXPECT_TRUE(file.file().contains("backbone.blocks.11.attn.qkv.bias_mask"));
  EXPECT_EQ(file.file().info("class_head.weight").shape, (std::vector<std::int64_t>{4, 192}));

  const auto other = build();
  const model::ParameterStore other_parameters(other->units(), at::TensorOptions().dtype(at::kFloat));
  file.load(stored_tensors(*other, other_parameters));
  const std::vector<NamedTensor> read = stored_tensors(*other, other_parameters);
  ASSERT_EQ(read.size(), tensors.size());
  for (std::size_t i = 0; i < read.size(); ++i) {
    EXPECT_TRUE(read[i].tensor.equal(tensors[i].tensor)) << read[i].name;
  }
}

}  // namespace
}  // namespace muster::weights
