#include "model/parameters.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/random.hpp"
#include "model/initialisation.hpp"
#include "model/plain_runner.hpp"
#include "tiny_model.hpp"

namespace muster::model {
namespace {

// Two units, where the second borrows a matrix of the first, and one parameter is used by nobody.
std::vector<UnitSpec> shared_units() {
  UnitSpec first{.name = "first", .parameters = {}, .inits = {}, .borrowed = {}};
  const Init normal{Init::Kind::kNormal, 1};
  first.add({.name = "a.weight", .shape = {3, 3}}, normal);
  first.add({.name = "a.bias", .shape = {3}}, normal);
  first.add({.name = "a.frozen", .shape = {3, 3}, .trainable = false}, normal);
  first.add({.name = "a.unused", .shape = {2, 2}}, normal);
  UnitSpec second{.name = "second", .parameters = {}, .inits = {}, .borrowed = {"a.weight"}};
  second.add({.name = "b.token", .shape = {1, 3}, .vector = true}, normal);
  return {first, second};
}

// x -> x W^T + bias (+ frozen), or the same with the borrowed W behind the unit's own token
class Product final : public Block {
 public:
  Product(UnitSpec unit, std::size_t weight) : unit_(std::move(unit)), weight_(weight) {}
  const UnitSpec& unit() const override { return unit_; }
  TensorList forward(const TensorList& params, const TensorList& inputs, const BlockContext&, const PassKey&) const override {
    return {at::matmul(inputs[0], params[weight_].t()) + (weight_ == 0 ? params[1] + params[2].sum() : params[0])};
  }

 private:
  UnitSpec unit_;
  std::size_t weight_;
};

TEST(ParameterStore, ParametersAndGradientsAreViewsOfTheirSegments) {
  const auto units = shared_units();
  ParameterStore store(units, at::kDouble);
  ASSERT_EQ(store.segments().size(), 4u);
  EXPECT_EQ(store.segments()[0].layout.name(), "first/matrix");
  EXPECT_EQ(store.segments()[1].layout.name(), "first/vector");
  EXPECT_EQ(store.segments()[2].layout.name(), "first/frozen_matrix");
  EXPECT_EQ(store.segments()[3].layout.name(), "second/vector");
  for (Segment& segment : store.segments()) {
    EXPECT_EQ(segment.data.numel(), segment.layout.numel);
    EXPECT_EQ(segment.grad.defined(), segment.layout.trainable());
    for (const Piece& piece : segment.layout.pieces) {
      EXPECT_EQ(piece.begin % kTile, 0);
      const at::Tensor& parameter = store.tensor(piece.tensor);
      EXPECT_EQ(parameter.data_ptr<double>(), segment.data.data_ptr<double>() + piece.begin);
      EXPECT_TRUE(parameter.is_leaf());
      EXPECT_EQ(parameter.requires_grad(), segment.layout.trainable());
      if (segment.layout.trainable()) {
        EXPECT_EQ(parameter.grad().data_ptr<double>(), segment.grad.data_ptr<double>() + piece.begin);
      }
    }
  }
  EXPECT_EQ(store.names(), (std::vector<std::string>{"a.weight", "a.bias", "a.frozen", "a.unused", "b.token"}));
}

TEST(ParameterStore, GradientsOfAllUsesAreAddedInPlaceAndUnusedOnesStayZero) {
  const auto units = shared_units();
  ParameterStore store(units, at::kDouble);
  initialise(store, units, 3);
  const Product first(units[0], 0), second(units[1], 1);
  PlainRunner runner(store);
  const at::Tensor x = random_tensor("x", {4, 3});
  const auto backward = [&] {
    const at::Tensor y = runner.run(first, {x}, {}, {}).at(0);
    runner.run(second, {y}, {}, {}).at(0).sum().backward();
  };
  backward();
  const at::Tensor w = store.tensor("a.weight").detach(), ones = at::ones({4, 3}, at::kDouble);
  const at::Tensor y = at::matmul(x, w.t()) + store.tensor("a.bias").detach() + store.tensor("a.frozen").sum();
  const at::Tensor once = at::matmul(ones.t(), y) + at::matmul(at::matmul(ones, w).t(), x);
  EXPECT_LT(max_difference(store.tensor("a.weight").grad(), once), 1e-12);
  backward();
  EXPECT_LT(max_difference(store.tensor("a.weight").grad(), 2 * once), 1e-12) << "accumulates";
  EXPECT_EQ(store.tensor("a.weight").grad().data_ptr<double>(), store.segments()[0].grad.data_ptr<double>())
      << "still the segment's memory";
  EXPECT_EQ(store.tensor("a.unused").grad().abs().sum().item<double>(), 0);
  EXPECT_FALSE(store.tensor("a.frozen").grad().defined());
  store.zero_grad();
  EXPECT_EQ(store.tensor("a.weight").grad().abs().sum().item<double>(), 0);
}

TEST(ParameterStore, WithoutGradientsNothingIsLearntAndNothingIsAllocatedForIt) {
  const auto units = shared_units();
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kHalf}) {
    ParameterStore store(units, type, Gradients::kNone);
    for (const Segment& segment : store.segments()) {
      EXPECT_EQ(segment.data.scalar_type(), type);
      EXPECT_FALSE(segment.grad.defined());
    }
    for (const std::string& name : store.names()) {
      EXPECT_FALSE(store.tensor(name).requires_grad()) << name;
    }
    store.zero_grad();
  }
}

TEST(ParameterStore, OnMetaItHasShapesAndNoMemory) {
  const auto units = shared_units();
  const ParameterStore store(units, at::TensorOptions().dtype(at::kBFloat16).device(at::kMeta), Gradients::kNone);
  EXPECT_EQ(store.tensor("a.weight").sizes(), at::IntArrayRef({3, 3}));
  EXPECT_EQ(store.segments()[0].layout.numel, 68);  // 9, and 4 behind the next multiple of 64
  for (const Segment& segment : store.segments()) {
    EXPECT_TRUE(segment.data.is_meta());
    EXPECT_EQ(segment.data.data_ptr(), nullptr);
  }
}

TEST(ParameterStore, UnknownAndDoubleNamesAreOurBug) {
  auto units = shared_units();
  const ParameterStore store(units, at::kFloat);
  EXPECT_THROW((void)store.tensor("a.wieght"), InvariantError);
  EXPECT_THROW((void)store.unit("third"), InvariantError);
  units[1].add({.name = "a.bias", .shape = {1}}, {});
  EXPECT_THROW(ParameterStore(units, at::kFloat), InvariantError);
}

TEST(Initialisation, DependsOnSeedAndNameOnly) {
  const auto units = shared_units();
  ParameterStore one(units, at::kDouble), two(units, at::kDouble), other(units, at::kDouble);
  initialise(one, units, 3);
  const auto reversed = std::vector<UnitSpec>{units[1], units[0]};
  initialise(two, reversed, 3);
  initialise(other, units, 4);
  for (const std::string& name : one.names()) {
    EXPECT_TRUE(at::equal(one.tensor(name), two.tensor(name))) << name;
    EXPECT_FALSE(at::equal(one.tensor(name), other.tensor(name))) << name;
  }
}

TEST(Initialisation, HasTheMomentsItSays) {
  at::Tensor values = at::empty({200'000}, at::kDouble);
  fill(values, {Init::Kind::kNormal, 0.02}, 1, "normal");
  EXPECT_NEAR(values.mean().item<double>(), 0, 0.02 * 4 / std::sqrt(2e5));
  EXPECT_NEAR(values.std().item<double>(), 0.02, 0.02 * 4 / std::sqrt(4e5));
  fill(values, default_init(9), 1, "uniform");
  EXPECT_NEAR(values.mean().item<double>(), 0, 4 / 3.0 / std::sqrt(3 * 2e5));
  EXPECT_LE(values.abs().max().item<double>(), 1 / 3.0);
  EXPECT_NEAR(values.square().mean().item<double>(), 1 / 27.0, 1e-3);
  at::Tensor narrow = at::empty({200'000}, at::kFloat);
  fill(narrow, default_init(9), 1, "uniform");
  EXPECT_TRUE(at::equal(narrow, values.to(at::kFloat)));
}

TEST(Initialisation, EveryValueIsThatOfItsIndexInEveryType) {
  const Init normal{Init::Kind::kNormal, 0.02}, uniform{Init::Kind::kUniform, 0.5};
  const RandomSequence random = RandomSequence::for_parameter(5, "a.weight");
  for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16, at::kHalf}) {
    at::Tensor normals = at::empty({3000}, type), uniforms = at::empty({3000}, type), expected = at::empty({2, 3000}, at::kDouble);
    fill(normals, normal, 5, "a.weight", 70'001);
    fill(uniforms, uniform, 5, "a.weight", 70'001);
    for (std::int64_t i = 0; i < 3000; ++i) {
      expected.data_ptr<double>()[i] = 0.02 * random.normal(static_cast<std::uint64_t>(70'001 + i));
      expected.data_ptr<double>()[3000 + i] = 0.5 * random.uniform(static_cast<std::uint64_t>(70'001 + i), -1, 1);
    }
    EXPECT_TRUE(at::equal(normals, expected[0].to(type))) << type;
    EXPECT_TRUE(at::equal(uniforms, expected[1].to(type))) << type;
  }
}

}  // namespace
}  // namespace muster::model
