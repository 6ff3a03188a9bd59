#include "task/semantic_segmentation.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/transform.hpp"
#include "image/resize.hpp"
#include "model/initialisation.hpp"
#include "model/mask_loss.hpp"
#include "model/parameters.hpp"
#include "model/plain_runner.hpp"
#include "model/tiny_model.hpp"

namespace muster::task {
namespace {

constexpr int kClasses = 3, kWindow = 16;

data::TrainClasses three_classes_of_four() {
  // Class 20 is ignored: dense indices 0, 1, 3 are train indices 0, 1, 2.
  const std::vector<std::int32_t> ignored{20};
  return data::TrainClasses(data::make_class_list({{0, "ground"}, {10, "water"}, {20, "odd"}, {30, "roof"}}), ignored);
}

// EoMT over the tiny backbone, with everything that a task needs.
struct TinyTask {
  explicit TinyTask(model::LossOptions loss_options = {})
      : model("dinov3/tiny-eomt", model::tiny_backbone(), options(), kClasses, {}),
        store(model.units(), at::kFloat),
        runner(store),
        task(model, classes, settings(std::move(loss_options))) {
    model::initialise(store, model.units(), 1);
  }

  static model::EomtOptions options() {
    model::EomtOptions o;
    o.num_queries = 6;
    o.layerscale_init = 0.5;
    return o;
  }
  SemanticSettings settings(model::LossOptions loss_options) const {
    return {.class_names = classes.names(),
            .window_height = kWindow,
            .window_width = kWindow,
            .window_batch = 2,
            .mean = {0.5, 0.4, 0.3},
            .std = {0.2, 0.2, 0.2},
            .mask_loss = {.num_points = 64},
            .loss = std::move(loss_options),
            .anneal_windows = {{0, 10}, {5, 15}}};
  }

  data::TrainClasses classes = three_classes_of_four();
  model::EomtModel model;
  model::ParameterStore store;
  model::PlainRunner runner;
  SemanticSegmentation task;
};

// Images of quarters in random classes, one of them void.
data::Batch random_batch(std::int64_t count) {
  data::Batch batch;
  batch.images_BCHW = model::random_tensor("images", {count, 3, kWindow, kWindow}, at::kFloat);
  batch.targets_BHW = at::full({count, kWindow, kWindow}, -1, at::kInt);
  const RandomSequence random(6, RandomStream::kInit, 0, 0, 0);
  for (std::int64_t i = 0; i < count; ++i) {
    batch.ids.push_back(static_cast<std::uint32_t>(50 + i));
    for (std::int64_t quarter = 0; quarter < 3; ++quarter) {
      const auto label = static_cast<std::int64_t>(random.uniform(static_cast<std::uint64_t>(3 * i + quarter)) * kClasses);
      batch.targets_BHW[i].slice(0, quarter / 2 * 8, quarter / 2 * 8 + 8).slice(1, quarter % 2 * 8, quarter % 2 * 8 + 8).fill_(label);
    }
  }
  return batch;
}

data::Batch part(const data::Batch& batch, std::int64_t begin, std::int64_t end) {
  return {.images_BCHW = batch.images_BCHW.slice(0, begin, end),
          .targets_BHW = batch.targets_BHW.slice(0, begin, end),
          .ids = {batch.ids.begin() + begin, batch.ids.begin() + end},
          .original_sizes = {}};
}

model::PassKey key_of(const data::Batch& batch) {
  return {.seed = 3, .step = 7, .training = true, .sample_ids = batch.ids};
}

image::Image random_image(int height, int width) {
  image::Image image(height, width);
  const RandomSequence random(6, RandomStream::kInit, 1, 0, 0);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    image.pixels[i] = static_cast<std::uint8_t>(random.bits(i / 24) / (1 + random.bits(i) % 2));
  }
  return image;
}

TEST(SemanticScores, SumOverQueriesMaskTimesClass) {
  const model::Prediction prediction{.mask_logits = model::random_tensor("m", {2, 4, 5, 6}),
                                     .class_logits = model::random_tensor("c", {2, 4, 4})};
  const at::Tensor scores = semantic_scores(prediction, 10, 12);
  ASSERT_EQ(scores.sizes(), (at::IntArrayRef{2, 3, 10, 12}));
  for (std::int64_t b = 0; b < 2; ++b) {
    for (std::int64_t c = 0; c < 3; ++c) {
      at::Tensor expected = at::zeros({10, 12}, at::kDouble);
      for (std::int64_t q = 0; q < 4; ++q) {
        const at::Tensor mask =
            at::upsample_bilinear2d(prediction.mask_logits.slice(0, b, b + 1).slice(1, q, q + 1), {10, 12}, false)[0][0];
        const at::Tensor power = at::exp(prediction.class_logits[b][q]);
        expected = expected + 1 / (1 + at::exp(-mask)) * (power[c] / power.sum());
      }
      EXPECT_LT((scores[b][c] - expected).abs().max().item<double>(), 1e-12);
    }
  }
}

TEST(SemanticSegmentation, LossIsTheWeightedSumOfAllPredictions) {
  TinyTask tiny;
  const data::Batch batch = random_batch(3);
  const std::vector<double> denominators = tiny.task.denominators(batch);
  const Loss loss = tiny.task.loss(batch, tiny.runner, key_of(batch), denominators);
  ASSERT_EQ(tiny.task.term_names(), (std::vector<std::string>{"loss_mask", "loss_dice", "loss_class"}));

  const model::MaskTargets targets = model::masks_of_classes(batch.targets_BHW, kClasses);
  const model::MaskLoss mask_loss({.num_points = 64}, {}, kClasses, 6);
  const auto windows = std::vector<model::AnnealWindow>{{0, 10}, {5, 15}};
  const model::EomtOutput output = tiny.model.forward(tiny.runner, batch.images_BCHW, key_of(batch), model::mask_probabilities(windows, 7));
  ASSERT_EQ(output.predictions.size(), 3U);
  double mask = 0, dice = 0, classes = 0, masks = 0;
  for (std::size_t layer = 0; layer < 3; ++layer) {
    const auto& p = output.predictions[layer];
    const auto terms = mask_loss.terms(static_cast<int>(layer), p.mask_logits, p.class_logits, targets, model::RandomPoints(key_of(batch)));
    mask += terms.mask.item<double>();
    dice += terms.dice.item<double>();
    classes += terms.classes.item<double>();
  }
  for (const auto& image : targets) {
    masks += static_cast<double>(image.labels.size());
  }
  EXPECT_NEAR(loss.terms[0], 5 * mask / masks, 1e-5);
  EXPECT_NEAR(loss.terms[1], 5 * dice / masks, 1e-5);
  EXPECT_NEAR(loss.terms[2], 2 * classes / (masks + 0.1 * (18 - masks)), 1e-5);
  EXPECT_NEAR(loss.total.item<double>(), loss.terms[0] + loss.terms[1] + loss.terms[2], 1e-5);
}

TEST(SemanticSegmentation, MicroBatchesAddUpToTheBatchInLossAndGradient) {
  TinyTask tiny;
  const data::Batch batch = random_batch(5);
  const std::vector<double> denominators = tiny.task.denominators(batch);
  const Loss whole = tiny.task.loss(batch, tiny.runner, key_of(batch), denominators);
  tiny.store.zero_grad();
  whole.total.backward();
  std::vector<at::Tensor> gradients;
  for (const model::Segment& segment : tiny.store.segments()) {
    gradients.push_back(segment.grad.defined() ? segment.grad.clone() : at::Tensor());
  }
  tiny.store.zero_grad();
  double total = 0;
  std::vector<double> sums(3);
  for (const auto& micro : {part(batch, 0, 2), part(batch, 2, 5)}) {
    const Loss loss = tiny.task.loss(micro, tiny.runner, key_of(micro), denominators);
    loss.total.backward();
    total += loss.total.item<double>();
    const std::vector<double> own = tiny.task.denominators(micro);
    std::transform(own.begin(), own.end(), sums.begin(), sums.begin(), std::plus<>());
  }
  EXPECT_NEAR(sums[0], denominators[0], 1e-12);
  EXPECT_NEAR(sums[1], denominators[1], 1e-12);
  EXPECT_EQ(sums[2], 2);                                     // micro-batches
  EXPECT_NEAR(total / whole.total.item<double>(), 1, 1e-5);  // fp32, sums in another order
  int moved = 0;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (gradients[i].defined()) {
      const double size = gradients[i].norm().item<double>();
      EXPECT_LE((gradients[i] - tiny.store.segments()[i].grad).norm().item<double>(), 1e-4 * size + 1e-7);
      moved += size > 0;
    }
  }
  EXPECT_GT(moved, 5);
}

TEST(SemanticSegmentation, NormalisesByRankAsTheMeanOverMicroBatches) {
  TinyTask global, by_rank({.normalization = "rank"});
  const data::Batch batch = random_batch(5), a = part(batch, 0, 2), b = part(batch, 2, 5);
  std::vector<double> sums(3);
  for (const data::Batch& micro : {a, b}) {
    const std::vector<double> own = by_rank.task.denominators(micro);
    std::transform(own.begin(), own.end(), sums.begin(), sums.begin(), std::plus<>());
  }
  double class_mean = 0, mask_sum = 0, found_class = 0, found_mask = 0;
  for (const data::Batch& micro : {a, b}) {
    const std::vector<double> own = global.task.denominators(micro);
    const Loss alone = global.task.loss(micro, global.runner, key_of(micro), own);
    class_mean += alone.terms[2] / 2;
    mask_sum += alone.terms[0] * own[0];
    const Loss ranked = by_rank.task.loss(micro, by_rank.runner, key_of(micro), sums);
    found_mask += ranked.terms[0];
    found_class += ranked.terms[2];
  }
  EXPECT_NEAR(found_class, class_mean, 1e-5);
  EXPECT_NEAR(found_mask, mask_sum / (sums[0] / 2) / 2, 1e-5);
}

TEST(SemanticSegmentation, PredictsTheBestClassOfTheResizedScores) {
  TinyTask tiny;
  const image::Image image = random_image(24, 24);  // one window
  const image::Image resized = image::resize_bilinear(image, kWindow, kWindow);
  at::Tensor input = at::empty({1, 3, kWindow, kWindow});
  data::normalise_into(resized, input.data_ptr<float>(), std::vector<double>{0.5, 0.4, 0.3}, std::vector<double>{0.2, 0.2, 0.2});
  const model::EomtOutput output = tiny.model.forward(tiny.runner, input, model::PassKey{}, model::MaskPlan{});
  const at::Tensor scores = at::upsample_bilinear2d(semantic_scores(output.predictions.back(), kWindow, kWindow), {24, 24}, false)[0];
  const at::Tensor highest = std::get<0>(scores.max(0));
  const image::LabelMap labels = tiny.task.predict(image, tiny.runner);
  ASSERT_EQ(labels.height, 24);
  ASSERT_EQ(labels.width, 24);
  for (int y = 0; y < 24; ++y) {
    for (int x = 0; x < 24; ++x) {
      EXPECT_NEAR(scores[labels.row(y)[x]][y][x].item<double>(), highest[y][x].item<double>(), 1e-5);
    }
  }
}

// IoU by class, from pixel lists; void is -1.
std::map<std::string, double> naive_scores(const std::vector<int>& truth, const std::vector<int>& said,
                                           const std::vector<std::string>& names) {
  std::map<std::string, double> result;
  double sum = 0, count = 0;
  for (int c = 0; c < kClasses; ++c) {
    double both = 0, either = 0;
    for (std::size_t i = 0; i < truth.size(); ++i) {
      both += truth[i] >= 0 && truth[i] == c && said[i] == c;
      either += truth[i] >= 0 && (truth[i] == c || said[i] == c);
    }
    result["iou/" + names[static_cast<std::size_t>(c)]] = both / either;
    sum += either > 0 ? both / either : 0;
    count += either > 0;
  }
  result["miou"] = sum / count;
  return result;
}

TEST(SemanticSegmentation, ScoresEachSampleAtItsOwnSizeAndAtThatOfTheModel) {
  TinyTask tiny;
  tiny.task.begin_evaluation();
  std::vector<int> truth, said;
  for (const auto& [height, width] : {std::pair(24, 24), std::pair(20, 45)}) {
    data::Sample sample{.id = 1, .image = random_image(height, width), .target = image::LabelMap(height, width)};
    for (std::size_t i = 0; i < sample.target.values.size(); ++i) {
      // Dense indices 0..3 and void; 2 is the ignored class.
      const auto stripe = static_cast<std::uint16_t>(i / 5 % 5);
      sample.target.values[i] = stripe == 4 ? data::kVoidLabel : stripe;
      truth.push_back(std::vector<int>{0, 1, -1, 2, -1}[stripe]);
    }
    const image::LabelMap predicted = tiny.task.predict(sample.image, tiny.runner);
    said.insert(said.end(), predicted.values.begin(), predicted.values.end());
    tiny.task.evaluate(sample, tiny.runner);
  }
  SoloReducer reducer;
  const Scores scores = tiny.task.scores(reducer);
  const auto expected = naive_scores(truth, said, tiny.classes.names());
  std::map<std::string, double> found(scores.begin(), scores.end());
  for (const auto& [name, value] : expected) {
    ASSERT_TRUE(found.contains(name)) << name;
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(found.at(name))) << name;
    } else {
      EXPECT_NEAR(found.at(name), value, 1e-12) << name;
    }
  }
  EXPECT_EQ(scores.front().first, "miou");
  EXPECT_GE(found.at("miou_model"), 0);
  EXPECT_LE(found.at("miou_model"), 1);
  EXPECT_GE(found.at("accuracy"), 0);

  tiny.task.begin_evaluation();
  EXPECT_TRUE(std::isnan(tiny.task.scores(reducer).front().second));  // nothing was evaluated since
}

TEST(SemanticSegmentation, AtTheModelsSizeBothResolutionsAgree) {
  TinyTask tiny;
  tiny.task.begin_evaluation();
  data::Sample sample{.id = 1, .image = random_image(kWindow, kWindow), .target = image::LabelMap(kWindow, kWindow, 1)};
  tiny.task.evaluate(sample, tiny.runner);
  SoloReducer reducer;
  const Scores scores = tiny.task.scores(reducer);
  EXPECT_EQ(scores[0].second, scores[1].second);
}

TEST(SemanticSegmentation, RefusesAModelOfOtherClasses) {
  TinyTask tiny;
  const data::TrainClasses two(data::make_class_list({{0, "a"}, {1, "b"}}));
  SemanticSettings settings;
  settings.class_names = two.names();
  EXPECT_THROW(SemanticSegmentation(tiny.model, two, settings), InvariantError);
}

}  // namespace
}  // namespace muster::task
