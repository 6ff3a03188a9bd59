#include "tiny_training.hpp"

#include <cmath>
#include <memory>

#include <ATen/ATen.h>

#include "core/hash.hpp"
#include "core/random.hpp"
#include "data/batch_cut.hpp"
#include "data/class_list.hpp"
#include "model/eomt.hpp"
#include "model/initialisation.hpp"
#include "parallel/engine.hpp"
#include "task/semantic_segmentation.hpp"
#include "train/train_step.hpp"

namespace muster::train {
namespace {

constexpr int kDim = 48, kSize = 64, kClasses = 3, kOdd = 5;
constexpr std::uint64_t kSeed = 3;

// x + gelu(x odd^T + bias) back^T * gamma(borrowed) + 0.1 x frozen^T
class ExtraBlock final : public model::Block {
 public:
  ExtraBlock() {
    const model::Init init{.kind = model::Init::Kind::kNormal, .scale = 0.1};
    const auto add = [&](const char* name, std::vector<std::int64_t> shape, bool trainable = true) {
      const bool vector = shape.size() == 1;
      unit_.add({.name = name, .shape = std::move(shape), .trainable = trainable, .vector = vector}, init);
    };
    unit_.name = "extra";
    add("extra.odd.weight", {kOdd, kDim});
    add("extra.odd.bias", {kOdd});
    add("extra.back.weight", {kDim, kOdd});
    add("extra.frozen.weight", {kDim, kDim}, false);
    add("extra.unused.weight", {3, 7});
    unit_.borrowed = {"backbone.blocks.0.ls1.gamma"};
  }

  const model::UnitSpec& unit() const override { return unit_; }

  model::TensorList forward(const model::TensorList& params, const model::TensorList& inputs, const model::BlockContext&,
                            const model::PassKey&) const override {
    const at::Tensor& x = inputs.at(0);
    const at::Tensor hidden = at::gelu(at::linear(x, params[0], params[1]));
    return {x + at::linear(hidden, params[2]) * params[5] + 0.1 * at::linear(x, params[3])};
  }

 private:
  model::UnitSpec unit_;
};

// Runs the extra block behind block 1.
class WithExtra final : public model::BlockRunner {
 public:
  WithExtra(model::BlockRunner& inner, const ExtraBlock& extra) : inner_(inner), extra_(extra) {}
  model::TensorList run(const model::Block& block, model::TensorList inputs, const model::BlockContext& context,
                        const model::PassKey& key) override {
    if (context.attention_mask.defined()) {
      const at::Tensor hidden = context.attention_mask.logical_not();
      masked_ += hidden.sum().item<double>();
      pairs_ += static_cast<double>(hidden.numel());
    }
    model::TensorList outputs = inner_.run(block, std::move(inputs), context, key);
    return block.unit().name == "blocks.1" ? inner_.run(extra_, std::move(outputs), context, key) : outputs;
  }
  double masked() const { return masked_; }
  double pairs() const { return pairs_; }

 private:
  model::BlockRunner& inner_;
  const ExtraBlock& extra_;
  double masked_ = 0, pairs_ = 0;
};

class TinyTask final : public task::Task {
 public:
  TinyTask(task::SemanticSegmentation& inner, const ExtraBlock& extra) : inner_(inner), extra_(extra) {}
  const std::vector<std::string>& term_names() const override { return inner_.term_names(); }
  std::vector<double> denominators(const data::Batch& batch) const override { return inner_.denominators(batch); }
  task::Loss loss(const data::Batch& batch, model::BlockRunner& runner, const model::PassKey& key,
                  const std::vector<double>& global) override {
    WithExtra with_extra(runner, extra_);
    task::Loss loss = inner_.loss(batch, with_extra, key, global);
    masked += with_extra.masked();
    pairs += with_extra.pairs();
    return loss;
  }
  void begin_evaluation() override { inner_.begin_evaluation(); }
  void evaluate(const data::Sample& sample, model::BlockRunner& runner) override { inner_.evaluate(sample, runner); }
  task::Scores scores(Reducer& reducer) override { return inner_.scores(reducer); }

  double masked = 0, pairs = 0;  // of attention, since the start

 private:
  task::SemanticSegmentation& inner_;
  const ExtraBlock& extra_;
};

// Rectangles of the classes over noise, from the sample's id alone; a corner is void.
data::Batch make_batch(const std::vector<std::uint32_t>& ids, at::ScalarType type) {
  const auto count = static_cast<std::int64_t>(ids.size());
  data::Batch batch{.images_BCHW = at::empty({count, 3, kSize, kSize}, at::kFloat),
                    .targets_BHW = at::zeros({count, kSize, kSize}, at::kInt),
                    .ids = ids,
                    .original_sizes = std::vector<std::pair<int, int>>(ids.size(), {kSize, kSize})};
  for (std::int64_t i = 0; i < count; ++i) {
    const RandomSequence random(99, RandomStream::kAugment, 0, ids[static_cast<std::size_t>(i)], 0);
    at::Tensor target = batch.targets_BHW[i];
    for (std::uint64_t c = 1; c < kClasses; ++c) {
      const auto top = static_cast<std::int64_t>(random.uniform(4 * c) * 40),
                 left = static_cast<std::int64_t>(random.uniform(4 * c + 1) * 40);
      const auto height = 6 + static_cast<std::int64_t>(random.uniform(4 * c + 2) * 30);
      target.slice(0, top, top + height).slice(1, left, left + 20).fill_(static_cast<std::int64_t>(c));
    }
    target.slice(0, 0, 4).slice(1, 0, 4).fill_(-1);
    at::Tensor image = batch.images_BCHW[i];
    float* pixels = image.data_ptr<float>();
    const int* labels = target.data_ptr<int>();
    for (std::int64_t p = 0; p < image.numel(); ++p) {
      const std::int64_t plane = p / (kSize * kSize);
      const bool is_class = labels[p % (kSize * kSize)] == plane;
      pixels[p] = static_cast<float>(random.uniform(static_cast<std::uint64_t>(100 + p)) - 0.5 + (is_class ? 1.5 : 0.0));
    }
  }
  batch.images_BCHW = batch.images_BCHW.to(type);
  return batch;
}

std::vector<data::Batch> batches_of(int step, const TinyPlan& plan, const dist::Communicator& ranks) {
  const auto size = static_cast<std::uint64_t>(plan.batch_size), first = static_cast<std::uint64_t>(step) * size;
  const data::PositionRange local =
      data::cut({first, first + size}, static_cast<std::uint64_t>(ranks.rank()), static_cast<std::uint64_t>(ranks.world()));
  std::vector<data::Batch> batches;
  for (int micro = 0; micro < plan.micro_steps; ++micro) {
    const data::PositionRange range = data::cut(local, static_cast<std::uint64_t>(micro), static_cast<std::uint64_t>(plan.micro_steps));
    std::vector<std::uint32_t> ids;
    for (std::uint64_t at = range.begin; at < range.end; ++at) {
      ids.push_back(static_cast<std::uint32_t>(at % 40));
    }
    batches.push_back(make_batch(ids, plan.fp64 ? at::kDouble : at::kFloat));
  }
  return batches;
}

std::map<std::string, at::Tensor> copies(const model::ParameterStore& parameters, bool gradients) {
  std::map<std::string, at::Tensor> result;
  for (const std::string& name : parameters.names()) {
    const at::Tensor& tensor = parameters.tensor(name);
    const at::Tensor& source = gradients ? tensor.grad() : tensor;
    if (source.defined()) {
      result.emplace(name, source.detach().clone());
    }
  }
  return result;
}

std::string hash_of(TrainState& state) {
  std::string digests;
  for (const StateEntry& entry : state.view("{}").entries) {
    const StatePiece& piece = entry.pieces.at(0);
    digests += xxh3_128_hex({reinterpret_cast<const char*>(piece.data), static_cast<std::size_t>(piece.end) * scalar_bytes(entry.dtype)});
  }
  return xxh3_128_hex(digests);
}

}  // namespace

bool is_frozen(const std::string& parameter) {
  return parameter == "extra.frozen.weight";
}
bool is_unused(const std::string& parameter) {
  return parameter == "extra.unused.weight" || parameter == "backbone.mask_token";
}

TinyResult train_tiny(const TinyPlan& plan, dist::Communicator& ranks) {
  const at::ScalarType type = plan.fp64 ? at::kDouble : at::kFloat;
  const model::BackboneRow row{
      .name = "dinov3/tiny", .dim = kDim, .depth = 4, .heads = 3, .hidden = 96, .joint_blocks = 2, .weights_file = "none.pth"};
  model::EomtOptions network;
  network.num_queries = 7;
  network.layerscale_init = 0.1;
  auto built =
      std::make_unique<model::EomtModel>("dinov3/tiny-notpretrained-eomt", row, network, kClasses, model::BuildOptions{.dtype = type});
  const model::EomtModel& eomt = *built;
  const ExtraBlock extra;
  std::vector<model::UnitSpec> units = eomt.units();
  units.push_back(extra.unit());

  model::ParameterStore parameters(units, at::TensorOptions().dtype(type));
  model::initialise(parameters, units, kSeed);
  optim::OptimOptions optimizer_options;
  optimizer_options.lr = 1e-3;
  optimizer_options.lr_warmup_steps = {2, 4};
  optimizer_options.cap_warmup = false;
  optim::AdamW optimizer(optimizer_options, {.blocks = 4, .joint_blocks = 2}, plan.steps, plan.batch_size);
  for (model::Segment& segment : parameters.segments()) {
    if (segment.layout.trainable()) {
      optimizer.add_segment(segment.layout, flat_shard(segment.layout.numel, 0, 1), segment.data, segment.grad);
    }
  }
  TrainState state{
      .model = std::move(built), .parameters = std::move(parameters), .optimizer = std::move(optimizer), .progress = {}, .sampler = {}};
  state.sampler.num_samples = 40;

  const data::TrainClasses classes(data::make_class_list({{0, "ground"}, {1, "water"}, {2, "roof"}}));
  model::MaskLossOptions mask_loss;
  mask_loss.num_points = 96;
  task::SemanticSegmentation segmentation(eomt, classes,
                                          {.class_names = classes.names(),
                                           .window_height = kSize,
                                           .window_width = kSize,
                                           .mean = {0, 0, 0},
                                           .std = {1, 1, 1},
                                           .mask_loss = mask_loss,
                                           .loss = {},
                                           .anneal_windows = model::anneal_windows(network, eomt.joint_blocks(), plan.steps)});
  TinyTask task(segmentation, extra);
  parallel::Engine engine(parallel::preset_named("ddp"), units, state.parameters, ranks);
  TrainStep step(task, state, engine, ranks, kSeed);

  TinyResult result;
  result.initial = copies(state.parameters, false);
  for (int i = 0; i < plan.steps; ++i) {
    const double masked_before = task.masked, pairs_before = task.pairs;
    result.losses.push_back(step.run(batches_of(i, plan, ranks)).loss);
    const double pairs = task.pairs - pairs_before;
    result.masked_shares.push_back(pairs > 0 ? (task.masked - masked_before) / pairs : 0);
    if (i == 0) {
      result.first_gradients = copies(state.parameters, true);
    }
  }
  result.weights = copies(state.parameters, false);
  result.hash = hash_of(state);
  return result;
}

}  // namespace muster::train
