#include "weights/fine_tune.hpp"

#include <cmath>
#include <memory>

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "weights/sample_info.hpp"
#include "weights/weight_file.hpp"

namespace muster::weights {
namespace {

using model::NamedTensor;

// A file of 3 classes (building, forêt, water), 7 queries and width 2; row i of a head holds 10 i and 10 i + 1.
class FineTune : public testing::Test {
 protected:
  void SetUp() override {
    const at::Tensor rows = at::arange(4, at::kFloat).mul(10);
    export_weights(path(),
                   std::vector<NamedTensor>{{.name = "backbone.norm.weight", .tensor = at::full({2}, 5.0, at::kFloat)},
                                            {.name = "queries.weight", .tensor = at::arange(14, at::kFloat).view({7, 2})},
                                            {.name = "class_head.weight", .tensor = rows.unsqueeze(1).add(at::arange(2, at::kFloat))},
                                            {.name = "class_head.bias", .tensor = rows}},
                   sample_info());
    open();
  }
  // A plan that takes every tensor of the file as it is.
  void open() {
    source_ = std::make_unique<const TensorSource>(TensorSource::open(path()));
    plan_ = LoadPlan();
    plan_.path = path().string();
    for (const StoredTensor& tensor : source_->tensors()) {
      plan_.tensors.push_back({.name = tensor.name,
                               .shape = tensor.shape,
                               .parts = {Part{.source = source_.get(), .tensor = &tensor, .begin = 0, .count = tensor.numel()}},
                               .kernel = {}});
    }
  }
  FineTuneReport load(const std::vector<NamedTensor>& tensors, const std::vector<std::string>& classes, bool reuse) const {
    return load_for_fine_tuning(plan_, sample_info().classes, tensors, classes, reuse);
  }
  std::filesystem::path path() const { return folder_.path() / "a.safetensors"; }

  // Of a new model with this many classes and queries; initial values -1.
  static std::vector<NamedTensor> fresh(std::int64_t classes, std::int64_t queries) {
    return {{.name = "backbone.norm.weight", .tensor = at::full({2}, -1.0, at::kFloat)},
            {.name = "queries.weight", .tensor = at::full({queries, 2}, -1.0, at::kFloat)},
            {.name = "class_head.weight", .tensor = at::full({classes + 1, 2}, -1.0, at::kFloat)},
            {.name = "class_head.bias", .tensor = at::full({classes + 1}, -1.0, at::kFloat)}};
  }
  static std::vector<float> values(const at::Tensor& tensor) {
    return {tensor.const_data_ptr<float>(), tensor.const_data_ptr<float>() + tensor.numel()};
  }

  TemporaryFolder folder_;
  std::unique_ptr<const TensorSource> source_;
  LoadPlan plan_;
};

TEST_F(FineTune, LeavesTheClassHeadFreshUnlessAsked) {
  const std::vector<NamedTensor> tensors = fresh(3, 7);
  const std::vector<std::string> classes{"building", "forêt", "water"};
  const FineTuneReport report = load(tensors, classes, false);
  EXPECT_EQ(values(tensors[0].tensor), (std::vector<float>{5, 5}));
  EXPECT_EQ(values(tensors[3].tensor), (std::vector<float>{-1, -1, -1, -1}));
  EXPECT_EQ(report.fresh_classes, classes);
  EXPECT_TRUE(report.notice.empty());
}

TEST_F(FineTune, CopiesRowsByTheNameOfTheClass) {
  const std::vector<NamedTensor> tensors = fresh(4, 7);
  const std::vector<std::string> classes{"water", "road", "building", "car"};
  const FineTuneReport report = load(tensors, classes, true);
  EXPECT_EQ(values(tensors[3].tensor), (std::vector<float>{20, -1, 0, -1, 30}));  // the last is "no object"
  EXPECT_EQ(values(tensors[2].tensor), (std::vector<float>{20, 21, -1, -1, 0, 1, -1, -1, 30, 31}));
  EXPECT_EQ(report.reused_classes, (std::vector<std::string>{"water", "building"}));
  EXPECT_EQ(report.fresh_classes, (std::vector<std::string>{"road", "car"}));
}

TEST_F(FineTune, CutsOrRepeatsQueriesWithANotice) {
  const std::vector<std::string> classes{"water"};
  std::vector<NamedTensor> tensors = fresh(1, 2);
  EXPECT_NE(load(tensors, classes, false).notice.find("cut to 2"), std::string::npos);
  EXPECT_EQ(values(tensors[1].tensor), (std::vector<float>{0, 1, 2, 3}));
  tensors = fresh(1, 9);
  EXPECT_NE(load(tensors, classes, false).notice.find("repeated to 9"), std::string::npos);
  EXPECT_EQ(values(tensors[1].tensor.slice(0, 6)), (std::vector<float>{12, 13, 0, 1, 2, 3}));
}

TEST_F(FineTune, RefusesAnotherModel) {
  const std::vector<std::string> classes{"water"};
  std::vector<NamedTensor> tensors = fresh(1, 7);
  tensors.push_back({.name = "mask_head.0.weight", .tensor = at::ones({2})});
  EXPECT_THROW(load(tensors, classes, false), DataError);
  tensors = fresh(1, 7);
  tensors[0].tensor = at::ones({3});
  EXPECT_THROW(load(tensors, classes, false), DataError);
  tensors = fresh(1, 7);
  tensors[1].tensor = at::ones({7, 3});
  EXPECT_THROW(load(tensors, classes, false), DataError);
}

TEST_F(FineTune, RefusesAFileThatLacksATensorOrHasNaN) {
  plan_.missing.push_back("backbone.norm.weight");
  EXPECT_THROW(load(fresh(1, 7), {"water"}, false), DataError);
  export_weights(path(),
                 std::vector<NamedTensor>{{.name = "backbone.norm.weight", .tensor = at::full({2}, std::nan(""), at::kFloat)},
                                          {.name = "queries.weight", .tensor = at::ones({7, 2})},
                                          {.name = "class_head.weight", .tensor = at::ones({4, 2})},
                                          {.name = "class_head.bias", .tensor = at::ones({4})}},
                 sample_info());
  open();
  try {
    load(fresh(1, 7), {"water"}, false);
    FAIL() << "NaN was taken over";
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("backbone.norm.weight"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace muster::weights
