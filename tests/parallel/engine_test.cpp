#include "parallel/engine.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/random.hpp"
#include "dist/thread_ranks.hpp"
#include "model/initialisation.hpp"
#include "model/plain_runner.hpp"

namespace muster::parallel {
namespace {

// y = tanh(x w^T) + b(borrowed or own); with a second output that needs no gradient.
class Layer final : public model::Block {
 public:
  Layer(std::string unit, std::vector<std::int64_t> shape, bool trainable, std::vector<std::string> borrowed) {
    unit_.name = std::move(unit);
    unit_.add({.name = unit_.name + ".weight", .shape = std::move(shape), .trainable = trainable, .vector = false},
              {.kind = model::Init::Kind::kNormal, .scale = 0.5});
    unit_.borrowed = std::move(borrowed);
  }
  const model::UnitSpec& unit() const override { return unit_; }
  model::TensorList forward(const model::TensorList& params, const model::TensorList& inputs, const model::BlockContext&,
                            const model::PassKey&) const override {
    at::Tensor y = at::linear(inputs.at(0), params.at(0)).tanh();
    if (params.size() > 1) {
      y = y + at::linear(y, params.at(1));
    }
    return {y, y.detach().argmax(-1)};
  }

 private:
  model::UnitSpec unit_;
};

// a (trainable), b (frozen), c (borrows a's matrix), used a, b, c, b, a.
struct Net {
  Layer a{"a", {6, 6}, true, {}}, b{"b", {6, 6}, false, {}}, c{"c", {6, 6}, true, {"a.weight"}};
  std::vector<model::UnitSpec> units{a.unit(), b.unit(), c.unit()};

  model::ParameterStore store() const {
    model::ParameterStore parameters(units, at::TensorOptions().dtype(at::kDouble));
    model::initialise(parameters, units, 4);
    return parameters;
  }
  at::Tensor loss(model::BlockRunner& runner, const at::Tensor& x) const {
    at::Tensor y = x;
    for (const Layer* layer : {&a, &b, &c, &b, &a}) {
      y = runner.run(*layer, {y}, {}, {}).at(0);
    }
    return y.square().sum();
  }
};

at::Tensor rows(std::int64_t first, std::int64_t count) {
  const at::Tensor x = at::empty({count, 6}, at::kDouble);
  const RandomSequence random = RandomSequence::for_parameter(1, "x");
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    x.data_ptr<double>()[i] = random.normal(static_cast<std::uint64_t>(first * 6 + i));
  }
  return x;
}

TEST(Engine, OneRankGivesTheGradientsOfThePlainRunner) {
  const Net net;
  model::ParameterStore plain = net.store(), sharded = net.store();
  model::PlainRunner runner(plain);
  net.loss(runner, rows(0, 5)).backward();

  const auto solo = dist::make_solo_communicator();
  Engine engine(Preset{}, net.units, sharded, *solo);
  engine.begin_step(1);
  net.loss(engine, rows(0, 5)).backward();
  engine.end_micro_step();
  engine.end_step();
  for (const char* name : {"a.weight", "c.weight"}) {
    EXPECT_TRUE(at::allclose(sharded.tensor(name).grad(), plain.tensor(name).grad(), 1e-13, 1e-13)) << name;
    EXPECT_GT(sharded.tensor(name).grad().abs().max().item<double>(), 0) << name;
  }
  EXPECT_FALSE(sharded.tensor("b.weight").grad().defined());
}

TEST(Engine, RanksSumTheirGradientsOverMicroSteps) {
  const Net net;
  model::ParameterStore whole = net.store();
  model::PlainRunner runner(whole);
  net.loss(runner, rows(0, 12)).backward();
  for (const int world : {2, 3}) {
    dist::run_thread_ranks(world, [&](dist::Communicator& ranks) {
      model::ParameterStore parameters = net.store();
      Engine engine(Preset{}, net.units, parameters, ranks);
      const std::int64_t share = 12 / world / 2;
      for (int repeat = 0; repeat < 2; ++repeat) {  // gradients of the step before are gone
        engine.begin_step(2);
        for (int micro = 0; micro < 2; ++micro) {
          net.loss(engine, rows((ranks.rank() * 2 + micro) * share, share)).backward();
          engine.end_micro_step();
        }
        engine.end_step();
        for (const char* name : {"a.weight", "c.weight"}) {
          EXPECT_TRUE(at::allclose(parameters.tensor(name).grad(), whole.tensor(name).grad(), 1e-12, 1e-12)) << name;
        }
      }
      // The order of reduces: c was used after a first, and frozen b is not reduced.
      ASSERT_EQ(engine.schedule().log().size(), 3U);
      EXPECT_EQ(engine.schedule().log()[0].unit, 2);
      EXPECT_EQ(engine.schedule().log()[1].unit, 0);
      EXPECT_EQ(engine.schedule().log()[2].kind, ActionKind::kWaitForReduces);
    });
  }
}

TEST(Engine, AFirstBlockWhoseInputNeedsNoGradientStillGetsIts) {
  const Net net;
  model::ParameterStore parameters = net.store();
  const auto solo = dist::make_solo_communicator();
  Engine engine(Preset{}, net.units, parameters, *solo);
  engine.begin_step(1);
  engine.run(net.a, {rows(0, 2)}, {}, {}).at(0).sum().backward();
  engine.end_micro_step();
  engine.end_step();
  EXPECT_GT(parameters.tensor("a.weight").grad().abs().max().item<double>(), 0);
}

TEST(Engine, EvaluationRunsOutsideAStepWithoutACollective) {
  const Net net;
  dist::run_thread_ranks(2, [&](dist::Communicator& ranks) {
    model::ParameterStore parameters = net.store();
    Engine engine(Preset{}, net.units, parameters, ranks);
    const at::NoGradGuard no_gradients;
    if (ranks.rank() == 1) {  // the other rank has no sample left
      EXPECT_GT(net.loss(engine, rows(0, 2)).item<double>(), 0);
    }
  });
}

TEST(Engine, AnErrorWhileReducesAreUnderWayLeavesNoBufferInUse) {
  const Net net;
  for (int repeat = 0; repeat < 20; ++repeat) {
    EXPECT_THROW(dist::run_thread_ranks(2,
                                        [&](dist::Communicator& ranks) {
                                          model::ParameterStore parameters = net.store();
                                          Engine engine(Preset{}, net.units, parameters, ranks);
                                          engine.begin_step(1);
                                          const at::Tensor loss = net.loss(engine, rows(0, 2));
                                          if (ranks.rank() == 0) {
                                            loss.backward();  // its reduces wait for rank 1
                                          }
                                          throw DataError("no more images");
                                        }),
                 DataError);
  }
}

TEST(Engine, ARankThatFailsEndsTheOthersWait) {
  const Net net;
  EXPECT_THROW(dist::run_thread_ranks(2,
                                      [&](dist::Communicator& ranks) {
                                        model::ParameterStore parameters = net.store();
                                        Engine engine(Preset{}, net.units, parameters, ranks);
                                        engine.begin_step(1);
                                        const at::Tensor loss = net.loss(engine, rows(0, 2));
                                        if (ranks.rank() == 1) {
                                          throw DataError("no more images");
                                        }
                                        loss.backward();
                                        engine.end_micro_step();
                                        engine.end_step();
                                      }),
               DataError);
}

}  // namespace
}  // namespace muster::parallel
