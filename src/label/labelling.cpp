#include "label/labelling.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include <spdlog/spdlog.h>

#include "core/error.hpp"
#include "core/stop_flags.hpp"
#include "label/claims.hpp"
#include "label/merge.hpp"
#include "label/work_stream.hpp"

namespace muster::label {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kMergeItem = "merge";
constexpr int kMostMerges = 10;  // that find images without any journal line
constexpr double kProgressEvery_s = 10;
constexpr double kShortestPause_s = 0.05, kLongestPause_s = 2;  // between looks at what others hold

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// `count` of `images`, spread evenly.
bool is_picked(std::size_t index, std::size_t images, std::size_t count) {
  return index * count / images != (index + 1) * count / images;
}

class Worker {
 public:
  Worker(const LabelPlan& plan, const LabelFolder& folder, const LabelledClasses& classes, Predictor& predictor,
         const WorkerSettings& settings)
      : plan_(plan),
        folder_(folder),
        predictor_(predictor),
        settings_(settings),
        name_(settings.worker.name()),
        claims_(folder.claims(), settings.worker, settings.lease_s),
        writer_(plan, folder, classes, claims_, name_) {}

  LabelSummary run() {
    LabelSummary summary;
    if (claims_.is_done(kMergeItem) && !retry_failed()) {
      summary.was_finished = true;
      return whole(std::move(summary));
    }
    ChunkSearch search(plan_, claims_, name_);
    double pause_s = kShortestPause_s;
    while (true) {
      pause_s = label_claimable(search) ? kShortestPause_s : std::min(1.5 * pause_s, kLongestPause_s);
      if (search.all_done() && merge(search)) {
        return whole(std::move(summary));
      }
      if (requested_stop() != 0) {
        claims_.release_all();
        summary.stopped = true;
        return own(std::move(summary));
      }
      std::this_thread::sleep_for(std::chrono::duration<double>(std::min(pause_s, settings_.lease_s / 4)));
    }
  }

 private:
  // Everything that can be claimed now, to the disk. False when that was nothing.
  bool label_claimable(ChunkSearch& search) {
    WorkStream stream(plan_, folder_, search, settings_.threads, settings_.lookahead);
    bool any = false;
    while (std::optional<OpenedImage> image = stream.next()) {
      any = true;
      if (image->has_mask || !image->error.empty()) {
        if (!image->has_mask) {
          spdlog::warn("{}", image->error);
        }
        writer_.put({.index = image->index, .chunk = image->chunk, .labels = {}, .picture = {}, .error = std::move(image->error)});
        continue;
      }
      std::vector<Predicted> complete = predictor_.push(image->index, image->image);
      const bool pictured = is_picked(image->index, plan_.list.images.size(), overlays());
      underway_[image->index] = {.chunk = image->chunk, .picture = {}};
      if (pictured) {
        underway_[image->index].picture = std::move(image->image);
      }
      write(std::move(complete));
      report_progress();
    }
    write(predictor_.flush());
    writer_.wait();
    return any;
  }

  void write(std::vector<Predicted> complete) {
    for (Predicted& predicted : complete) {
      auto known = underway_.extract(predicted.ticket);
      check(!known.empty(), "labelling: the predictor returned image {}, which it was not given", predicted.ticket);
      writer_.put({.index = predicted.ticket,
                   .chunk = known.mapped().chunk,
                   .labels = std::move(predicted.labels),
                   .picture = std::move(known.mapped().picture),
                   .error = {}});
    }
  }

  // Whether all is finished: by us or by another.
  bool merge(ChunkSearch& search) {
    switch (claims_.take(kMergeItem)) {
      case Claims::Answer::kDone:
        return true;
      case Claims::Answer::kHeld:
        return false;
      case Claims::Answer::kTaken:
        break;
    }
    const MergeResult result = merge_labels(plan_, folder_, name_);
    if (result.missing.empty()) {
      claims_.finish(kMergeItem);
      return true;
    }
    // A chunk is marked as done after its journal lines; a power failure may keep the first and lose the second.
    ++merges_;
    check(merges_ < kMostMerges, "labelling: no journal has {} of {} images although all chunks were done {} times", result.missing.size(),
          plan_.list.images.size(), merges_);
    spdlog::warn("no journal has {} of the images; their chunks are looked at again", result.missing.size());
    reopen(result.missing);
    search.forget();
    claims_.release(kMergeItem);
    return false;
  }

  // Whether images of a finished labelling had failed: then they are to be done again.
  bool retry_failed() {
    const std::vector<std::size_t> failed = failed_images(plan_, folder_);
    if (failed.empty()) {
      return false;
    }
    spdlog::info("{} of {} images could not be read before; they are tried again", failed.size(), plan_.list.images.size());
    reopen(failed);
    claims_.reopen(kMergeItem);
    return true;
  }

  void reopen(const std::vector<std::size_t>& images) {
    std::set<std::size_t> chunks;
    for (const std::size_t image : images) {
      const auto after = std::ranges::upper_bound(plan_.chunk_begin, image);
      chunks.insert(static_cast<std::size_t>(after - plan_.chunk_begin.begin()) - 1);
    }
    for (const std::size_t chunk : chunks) {
      claims_.reopen(chunk_item(chunk));
    }
  }

  LabelSummary own(LabelSummary summary) const {
    summary.own = writer_.counts();
    summary.seconds = seconds_since(start_);
    return summary;
  }

  LabelSummary whole(LabelSummary summary) const {
    summary.failed = failed_images(plan_, folder_).size();
    summary.labelled = plan_.list.images.size() - summary.failed;
    return own(std::move(summary));
  }

  void report_progress() {
    if (seconds_since(reported_) > kProgressEvery_s) {
      reported_ = Clock::now();
      const std::size_t labelled = writer_.counts().labelled;
      spdlog::info("{} of {} images labelled by this worker, {:.1f} images/s", labelled, plan_.list.images.size(),
                   static_cast<double>(labelled) / seconds_since(start_));
    }
  }

  std::size_t overlays() const { return std::min(static_cast<std::size_t>(settings_.overlays), plan_.list.images.size()); }

  struct Underway {
    std::size_t chunk = 0;
    std::optional<image::Image> picture;
  };

  const LabelPlan& plan_;
  const LabelFolder& folder_;
  Predictor& predictor_;
  const WorkerSettings& settings_;
  const std::string name_;
  Claims claims_;
  MaskWriter writer_;
  std::map<std::size_t, Underway> underway_;  // in the predictor, by index
  int merges_ = 0;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point reported_ = start_;
};

}  // namespace

LabelSummary run_labelling(const LabelPlan& plan, const LabelFolder& folder, const LabelledClasses& classes, Predictor& predictor,
                           const WorkerSettings& settings) {
  return Worker(plan, folder, classes, predictor, settings).run();
}

}  // namespace muster::label
