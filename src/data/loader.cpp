#include "data/loader.hpp"

#include <chrono>
#include <limits>
#include <span>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "data/batch_memory.hpp"
#include "data/normalise.hpp"
#include "data/ordered_jobs.hpp"
#include "data/sample_order.hpp"
#include "data/sample_weights.hpp"

namespace muster::data {

namespace {

// One step's batches of this rank while they are filled. Row `job` of the step is row places[job].row of batch places[job].micro.
struct Step {
  struct Place {
    std::size_t micro = 0;
    std::size_t row = 0;
    std::uint32_t epoch = 0;  // as the transform is given it: see draw_at()
    float* image_CHW = nullptr;
    std::int32_t* target_HW = nullptr;
  };
  std::vector<Batch> batches;
  std::vector<Place> places;
  std::vector<std::uint32_t> next_ids;  // of the step behind this one: read ahead while this one is decoded
  bool unannounced = false;             // no step before this one has read ahead for it
  std::uint64_t end_position = 0;
};

// What is shown at a position of the run.
struct Draw {
  std::uint32_t id = 0;
  std::uint32_t epoch = 0;
};

std::uint32_t epoch_number(std::uint64_t epoch) {
  check(epoch <= std::numeric_limits<std::uint32_t>::max(), "Loader: epoch {} does not fit 32 bits", epoch);
  return static_cast<std::uint32_t>(epoch);
}

}  // namespace

struct Loader::State {
  State(const ShardReader& source, const TrainClasses& train_classes, SampleTransform sample_transform,
        const NormalizeOptions& normalisation, const LoaderOptions& options, const BatchPlan& batch_plan)
      : reader(source),
        classes(train_classes),
        transform(std::move(sample_transform)),
        normalise(normalisation.mean, normalisation.std),
        masks(source.target() == TargetKind::kClassMask || source.target() == TargetKind::kSegmentMask),
        plan(batch_plan),
        tail(tail_from_name(options.tail)),
        next_position(batch_plan.position),
        delivered_position(batch_plan.position),
        thread_count(worker_threads(options.threads)) {
    check_batch(plan.batch_size, plan.world, plan.micro_batches);
    check(plan.rank >= 0 && plan.rank < plan.world && plan.height > 0 && plan.width > 0, "Loader: rank {} of {}, samples of {} x {}",
          plan.rank, plan.world, plan.height, plan.width);
    if (reader.size() == 0) {
      throw DataError("split {} holds no image; pack some", reader.split());
    }
    // Says now what would otherwise come out of a worker: a batch longer than an epoch.
    (void)global_batch(next_position, static_cast<std::uint64_t>(plan.batch_size), reader.size(), tail);
    if (const Sampling sampling = sampling_from_name(options.sampling); sampling != Sampling::kUniform) {
      const std::vector<std::uint32_t> weights = sample_weights(reader, classes, sampling, options.sampling_args);
      const std::span bytes = std::as_bytes(std::span(weights));
      weights_digest = xxh3_128_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
      weighted.emplace(weights, plan.seed);
    }
    jobs = std::make_unique<OrderedJobs<Step>>(
        thread_count, static_cast<std::size_t>(options.prefetch_batches), [this] { return open_step(); },
        [this](Step& step, std::size_t job) {
          read_ahead(step, job);
          fill(step, job);
        });
  }

  // With replacement an image may be drawn twice in an epoch, and is to look different: its transform is then given the position, of which
  // the lower 32 bits are enough, in place of the epoch.
  Draw draw_at(std::uint64_t position) const {
    if (weighted) {
      return {.id = (*weighted)(position), .epoch = static_cast<std::uint32_t>(position)};
    }
    const EpochPosition at = epoch_position(position, reader.size());
    const auto id = static_cast<std::uint32_t>(SampleOrder(reader.size(), plan.seed, at.epoch)(at.offset));
    return {.id = id, .epoch = epoch_number(at.epoch)};
  }

  PositionRange whole_step(std::uint64_t position) const {
    return global_batch(position, static_cast<std::uint64_t>(plan.batch_size), reader.size(), tail);
  }
  PositionRange own_part(PositionRange whole) const {
    return cut(whole, static_cast<std::uint64_t>(plan.rank), static_cast<std::uint64_t>(plan.world));
  }

  // The next step: which samples it has, and memory for them. Under the lock of `jobs`.
  std::optional<OrderedJobs<Step>::Opened> open_step() {
    const PositionRange whole = whole_step(next_position);
    const PositionRange local = own_part(whole);
    Step step;
    step.end_position = next_position = whole.end;
    for (std::size_t micro = 0; micro < static_cast<std::size_t>(plan.micro_batches); ++micro) {
      const PositionRange range = cut(local, micro, static_cast<std::uint64_t>(plan.micro_batches));
      const auto rows = static_cast<std::int64_t>(range.size());
      Batch batch{.images_BCHW = memory.tensor({rows, 3, plan.height, plan.width}, at::kFloat),
                  .targets_BHW = masks ? memory.tensor({rows, plan.height, plan.width}, at::kInt) : at::Tensor(),
                  .labels = std::vector<std::int32_t>(reader.target() == TargetKind::kLabel ? range.size() : 0),
                  .ids = {},
                  .original_sizes = std::vector<std::pair<int, int>>(range.size())};
      auto* images = batch.images_BCHW.data_ptr<float>();
      auto* targets = masks ? batch.targets_BHW.data_ptr<std::int32_t>() : nullptr;
      for (std::size_t row = 0; row < range.size(); ++row) {
        const Draw draw = draw_at(range.begin + row);
        batch.ids.push_back(draw.id);
        step.places.push_back({.micro = micro,
                               .row = row,
                               .epoch = draw.epoch,
                               .image_CHW = images + row * 3 * pixels(),
                               .target_HW = masks ? targets + row * pixels() : nullptr});
      }
      step.batches.push_back(std::move(batch));
    }
    step.unannounced = announced_to != whole.end;
    const PositionRange next = whole_step(whole.end);
    const PositionRange next_local = own_part(next);
    for (std::uint64_t position = next_local.begin; position < next_local.end; ++position) {
      step.next_ids.push_back(draw_at(position).id);
    }
    announced_to = next.end;
    const std::size_t count = step.places.size();
    return OrderedJobs<Step>::Opened{.group = std::move(step), .jobs = count};
  }

  // Each job announces its share of the next step's samples, so that the system reads them while these are decoded; the very first one
  // also its own step's.
  void read_ahead(const Step& step, std::size_t job) const {
    if (step.unannounced && job == 0) {
      for (const Batch& batch : step.batches) {
        for (const std::uint32_t id : batch.ids) {
          reader.will_read(id);
        }
      }
    }
    for (std::size_t i = job; i < step.next_ids.size(); i += step.places.size()) {
      reader.will_read(step.next_ids[i]);
    }
  }

  void fill(Step& step, std::size_t job) const {
    const Step::Place& place = step.places[job];
    Batch& batch = step.batches[place.micro];
    const std::uint32_t id = batch.ids[place.row];
    const std::string where = reader.place(id);
    thread_local EncodedSample stored;  // its memory serves this thread's next sample
    reader.read_into(id, stored);
    if (masks && stored.mask.empty()) {
      throw DataError("{} has no mask, but training needs one; pack the split again with masks", where);
    }
    batch.original_sizes[place.row] = {stored.height, stored.width};
    const Sample sample = transform(stored, where, plan.seed, place.epoch);
    check(sample.image.height == plan.height && sample.image.width == plan.width && sample.target.values.size() == (masks ? pixels() : 0),
          "{}: the transform made {} x {} pixels and {} labels, wanted {} x {}", where, sample.image.height, sample.image.width,
          sample.target.values.size(), plan.height, plan.width);
    normalise(sample.image, place.image_CHW);
    if (masks) {
      classes.map(sample.target.values, std::span(place.target_HW, pixels()));
    } else if (!batch.labels.empty()) {
      batch.labels[place.row] = sample.label;
    }
  }

  std::size_t pixels() const noexcept { return static_cast<std::size_t>(plan.height) * static_cast<std::size_t>(plan.width); }

  const ShardReader& reader;
  const TrainClasses classes;
  const SampleTransform transform;
  const Normaliser normalise;
  const bool masks;  // does each sample of the set have one
  const BatchPlan plan;
  BatchMemory memory;
  const Tail tail;
  std::optional<WeightedOrder> weighted;  // of every sampling but uniform
  std::string weights_digest;
  std::uint64_t next_position;       // of the step to open; guarded by the lock of `jobs`
  std::uint64_t announced_to = 0;    // end of the last step that was read ahead; the same lock
  std::uint64_t delivered_position;  // the consumer's alone
  int thread_count;
  double wait_s = 0.0;
  std::unique_ptr<OrderedJobs<Step>> jobs;  // last: its threads use the rest
};

SampleTransform decoding(std::function<Sample(const Sample&, std::uint64_t, std::uint32_t)> transform) {
  return [transform = std::move(transform)](const EncodedSample& stored, std::string_view where, std::uint64_t seed, std::uint32_t epoch) {
    return transform(decode(stored, where), seed, epoch);
  };
}

Loader::Loader(const ShardReader& reader, const TrainClasses& classes, SampleTransform transform, const NormalizeOptions& normalize,
               const LoaderOptions& options, const BatchPlan& plan)
    : state_(std::make_unique<State>(reader, classes, std::move(transform), normalize, options, plan)) {}

Loader::~Loader() = default;

std::vector<Batch> Loader::next() {
  const auto start = std::chrono::steady_clock::now();
  std::optional<Step> step = state_->jobs->pop();
  state_->wait_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  check(step.has_value(), "Loader: the order of samples has no end");
  state_->delivered_position = step->end_position;
  return std::move(step->batches);
}

std::uint64_t Loader::position() const noexcept {
  return state_->delivered_position;
}

double Loader::epoch() const noexcept {
  return static_cast<double>(state_->delivered_position) / static_cast<double>(state_->reader.size());
}

void Loader::seek(std::uint64_t position) {
  state_->jobs->restart([this, position] { state_->next_position = position; });
  state_->delivered_position = position;
}

double Loader::wait_s() const noexcept {
  return state_->wait_s;
}

int Loader::threads() const noexcept {
  return state_->thread_count;
}

ReadCounters Loader::reads() const noexcept {
  return state_->reader.counters();
}

const std::string& Loader::weights_digest() const noexcept {
  return state_->weights_digest;
}

}  // namespace muster::data
