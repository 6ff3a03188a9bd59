// Runs that are killed, and go on with other ranks and batches, lose and repeat nothing: 300 of them, with the functions that the loader
// and the checkpoints use.
#include <algorithm>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/random.hpp"
#include "data/batch_cut.hpp"
#include "data/sample_order.hpp"
#include "data/sampler_record.hpp"

namespace muster::data {
namespace {

constexpr std::uint32_t kTrials = 300;

// Whole numbers in [low, high], one after the other.
class Draws {
 public:
  explicit Draws(std::uint32_t trial) : random_(2026, RandomStream::kAugment, 0, trial, 0) {}
  std::uint64_t operator()(std::uint64_t low, std::uint64_t high) { return low + random_.bits(next_++) % (high - low + 1); }
  bool one_in(std::uint64_t n) { return (*this)(1, n) == 1; }

 private:
  RandomSequence random_;
  std::uint64_t next_ = 0;
};

struct Layout {
  std::uint64_t batch = 1, world = 1, micro = 1;
};

Layout draw_layout(Draws& draw, std::uint64_t largest_batch) {
  Layout layout;
  do {
    layout = {.batch = draw(1, largest_batch), .world = draw(1, 70), .micro = draw(1, 3)};
  } while (layout.batch < layout.world * layout.micro);
  check_batch(static_cast<std::int64_t>(layout.batch), static_cast<int>(layout.world), static_cast<int>(layout.micro));
  return layout;
}

// What all ranks of a step train on, rank by rank and micro-batch by micro-batch, behind what was trained before.
void train_step(PositionRange whole, const Layout& layout, const SamplerRecord& run, std::vector<std::uint64_t>& trained) {
  for (std::uint64_t rank = 0; rank < layout.world; ++rank) {
    for (std::uint64_t micro = 0; micro < layout.micro; ++micro) {
      const PositionRange part = cut(cut(whole, rank, layout.world), micro, layout.micro);
      ASSERT_GE(part.size(), 1U);
      for (std::uint64_t position = part.begin; position < part.end; ++position) {
        const EpochPosition at = epoch_position(position, run.num_samples);
        trained.push_back(at.epoch * run.num_samples + SampleOrder(run.num_samples, run.seed, at.epoch)(at.offset));
      }
    }
  }
}

// A run of at least `epochs` epochs: it saves now and then, is killed now and then, and each life has ranks and batches of its own. What it
// has trained on in the end: epoch * n + sample.
std::vector<std::uint64_t> simulate(Draws& draw, SamplerRecord run, std::uint64_t epochs, Tail tail) {
  std::vector<std::uint64_t> trained;
  std::string checkpoint = to_json(run);
  std::size_t checkpoint_length = 0;
  const std::uint64_t largest_batch = tail == Tail::kDrop ? std::min<std::uint64_t>(run.num_samples, 300) : 300;
  const SamplerRecord fresh = run;
  while (run.position < epochs * run.num_samples) {
    const Layout layout = draw_layout(draw, largest_batch);
    for (std::uint64_t steps = draw(1, 30); steps > 0 && run.position < epochs * run.num_samples; --steps) {
      const PositionRange whole = global_batch(run.position, layout.batch, run.num_samples, tail);
      train_step(whole, layout, run, trained);
      run.position = whole.end;
      if (draw.one_in(4)) {
        checkpoint = to_json(run);
        checkpoint_length = trained.size();
      }
    }
    if (draw.one_in(2)) {  // killed: what came after the last checkpoint is as if it had never been
      run = sampler_record_from_json(checkpoint);
      check_resume(run, fresh);
      trained.resize(checkpoint_length);
    } else {  // stopped on request: it saves
      checkpoint = to_json(run);
      checkpoint_length = trained.size();
    }
  }
  return trained;
}

TEST(ElasticResume, LosesAndRepeatsNothing) {
  for (std::uint32_t trial = 0; trial < kTrials; ++trial) {
    Draws draw(trial);
    const SamplerRecord run{.seed = trial, .num_samples = draw(1, 5000), .fingerprint = "f", .global_batch = 1};
    SCOPED_TRACE(testing::Message() << "trial=" << trial << " n=" << run.num_samples);
    const std::uint64_t epochs = run.num_samples < 500 ? 4 : 2;
    std::vector<std::uint64_t> trained = simulate(draw, run, epochs, Tail::kStream);
    ASSERT_GE(trained.size(), epochs * run.num_samples);
    trained.resize(epochs * run.num_samples);  // whole epochs
    for (std::uint64_t p = 0; p < trained.size(); ++p) {
      const EpochPosition at = epoch_position(p, run.num_samples);
      ASSERT_EQ(trained[p] - at.epoch * run.num_samples, SampleOrder(run.num_samples, run.seed, at.epoch)(at.offset)) << p;  // in order
    }
    std::ranges::sort(trained);
    for (std::uint64_t i = 0; i < trained.size(); ++i) {
      ASSERT_EQ(trained[i], i);  // each sample of each epoch, once
    }
  }
}

TEST(ElasticResume, DroppedTailsAreShorterThanABatchAndNothingIsRepeated) {
  for (std::uint32_t trial = 0; trial < 60; ++trial) {
    Draws draw(1000 + trial);
    const SamplerRecord run{.seed = trial, .num_samples = draw(70 * 3, 2000), .fingerprint = "f", .global_batch = 1};
    SCOPED_TRACE(testing::Message() << "trial=" << trial << " n=" << run.num_samples);
    std::vector<std::uint64_t> trained = simulate(draw, run, 3, Tail::kDrop);
    std::ranges::sort(trained);
    EXPECT_EQ(std::ranges::adjacent_find(trained), trained.end());
    for (std::uint64_t epoch = 0; epoch < 2; ++epoch) {
      const auto shown = std::ranges::count_if(trained, [&](std::uint64_t sample) { return sample / run.num_samples == epoch; });
      EXPECT_GT(static_cast<std::uint64_t>(shown) + 300, run.num_samples);
    }
  }
}

TEST(ElasticResume, IsRefusedForOtherDataSeedSamplerOrMode) {
  const SamplerRecord saved{.seed = 3, .position = 17, .num_samples = 100, .fingerprint = "abcd", .global_batch = 8};
  const auto refusal = [&](const SamplerRecord& now) -> std::string {
    try {
      check_resume(sampler_record_from_json(to_json(saved)), now);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "accepted";
  };
  SamplerRecord now = saved;
  now.global_batch = 64;
  now.position = 0;
  EXPECT_EQ(refusal(now), "accepted");
  now.num_samples = 101;
  EXPECT_NE(refusal(now).find("on 100 images"), std::string::npos);
  now = saved;
  now.fingerprint = "abce";
  EXPECT_NE(refusal(now).find("abce"), std::string::npos);
  now = saved;
  now.seed = 4;
  EXPECT_NE(refusal(now).find("seed=3"), std::string::npos);
  now = saved;
  now.sampling = "rare_class";
  EXPECT_NE(refusal(now).find("loader.sampling=uniform"), std::string::npos);
  for (const auto& [from, to] : {std::pair("feistel8-v1", "feistel8-v2"), std::pair("\"global\"", "\"lanes\"")}) {
    std::string other = to_json(saved);
    const std::size_t at = other.find(from);
    ASSERT_NE(at, std::string::npos);
    EXPECT_THROW((void)sampler_record_from_json(other.replace(at, std::string_view(from).size(), to)), CheckpointError) << to;
  }
}

TEST(ElasticResume, KeepsTheSamplingOfAWeightedRun) {
  const SamplerRecord saved{
      .seed = 3, .position = 217, .num_samples = 100, .fingerprint = "abcd", .global_batch = 8, .sampling = "repeat_factor"};
  EXPECT_EQ(sampler_record_from_json(to_json(saved)), saved);
  EXPECT_NE(to_json(saved).find("alias-v1"), std::string::npos);
}

}  // namespace
}  // namespace muster::data
