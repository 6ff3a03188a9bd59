#include "model/casting_runner.hpp"

#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "model/initialisation.hpp"
#include "model/model.hpp"
#include "model/plain_runner.hpp"
#include "tiny_model.hpp"

namespace muster::model {
namespace {

// The type in which parameters reach a block, and whether they lie in the store.
class Witness final : public Block {
 public:
  Witness(UnitSpec unit, const ParameterStore& store) : unit_(std::move(unit)), store_(store) {}
  const UnitSpec& unit() const override { return unit_; }
  TensorList forward(const TensorList& params, const TensorList&, const BlockContext&, const PassKey&) const override {
    EXPECT_EQ(params.size(), unit_.parameters.size() + unit_.borrowed.size());
    for (std::size_t i = 0; i < params.size(); ++i) {
      const at::Tensor& stored = store_.unit(unit_.name)[i];
      EXPECT_TRUE(at::equal(params[i], stored.to(params[i].scalar_type()))) << i;
      EXPECT_EQ(params[i].sizes(), stored.sizes());
      lent += params[i].data_ptr() == stored.data_ptr() ? 1 : 0;
      types.insert(params[i].scalar_type());
    }
    first_matrix = params[1].data_ptr();
    return {};
  }
  mutable int lent = 0;
  mutable std::set<at::ScalarType> types;
  mutable const void* first_matrix = nullptr;

 private:
  UnitSpec unit_;
  const ParameterStore& store_;
};

std::vector<UnitSpec> two_units() {
  const Init normal{Init::Kind::kNormal, 1};
  UnitSpec small{.name = "small", .parameters = {}, .inits = {}, .borrowed = {}};
  small.add({.name = "a.bias", .shape = {3}}, normal);
  small.add({.name = "a.weight", .shape = {3, 5}}, normal);
  small.add({.name = "a.frozen", .shape = {2, 2}, .trainable = false}, normal);
  UnitSpec large{.name = "large", .parameters = {}, .inits = {}, .borrowed = {"a.weight"}};
  large.add({.name = "b.token", .shape = {1, 300}, .vector = true}, normal);
  large.add({.name = "b.weight", .shape = {30, 40}}, normal);
  return {small, large};
}

TEST(CastingRunner, GivesEveryParameterOfAUnitInTheTypeOfTheComputation) {
  const auto units = two_units();
  for (const at::ScalarType stored : {at::kBFloat16, at::kHalf, at::kDouble}) {
    ParameterStore store(units, stored, Gradients::kNone);
    initialise(store, units, 2);
    CastingRunner runner(store, at::kFloat);
    const Witness small(units[0], store), large(units[1], store);
    for (const Witness* witness : {&small, &small, &large, &small, &large}) {
      runner.run(*witness, {}, {}, {});
    }
    EXPECT_EQ(small.types, std::set{at::kFloat});
    EXPECT_EQ(large.types, std::set{at::kFloat});
    EXPECT_EQ(small.lent + large.lent, 0);
    EXPECT_EQ(small.first_matrix, large.first_matrix) << "one buffer for all units";
  }
}

TEST(CastingRunner, LendsWhatHasTheTypeAlready) {
  const auto units = two_units();
  ParameterStore store(units, at::kFloat, Gradients::kNone);
  CastingRunner runner(store, at::kFloat);
  const Witness small(units[0], store);
  runner.run(small, {}, {}, {});
  EXPECT_EQ(small.lent, 3);
}

TEST(CastingRunner, AModelInBfloatGivesWhatItsValuesGiveInFloat) {
  const auto model = make_model("dinov3/vitt16-notpretrained-eomt", EomtOptions{}, 3);
  ParameterStore narrow(model->units(), at::kBFloat16, Gradients::kNone), wide(model->units(), at::kFloat, Gradients::kNone);
  initialise(narrow, model->units(), 4);
  for (const std::string& name : narrow.names()) {
    at::Tensor tensor = wide.tensor(name);
    tensor.copy_(narrow.tensor(name));
  }
  const at::Tensor images = random_tensor("images", {1, 3, 48, 64}, at::kFloat);
  CastingRunner casting(narrow, at::kFloat);
  PlainRunner plain(wide);
  const auto expect_equal = [&](bool every_prediction) {
    const auto left = model->outputs(casting, images, every_prediction);
    const auto right = model->outputs(plain, images, every_prediction);
    ASSERT_EQ(left.size(), right.size());
    for (std::size_t i = 0; i < left.size(); ++i) {
      EXPECT_EQ(left[i].tensor.scalar_type(), at::kFloat);
      EXPECT_FALSE(left[i].tensor.requires_grad());
      EXPECT_TRUE(at::equal(left[i].tensor, right[i].tensor)) << left[i].name;
    }
  };
  {
    const c10::InferenceMode no_gradients;
    expect_equal(true);
  }
  expect_equal(false);  // the buffer is written outside inference mode too
}

}  // namespace
}  // namespace muster::model
