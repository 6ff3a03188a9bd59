#include "task/window_batcher.hpp"

#include "core/error.hpp"

namespace muster::task {

WindowBatcher::WindowBatcher(WindowSettings settings, WindowScorer scorer) : settings_(std::move(settings)), scorer_(std::move(scorer)) {
  check(settings_.batch > 0, "WindowBatcher: batch={}", settings_.batch);
}

std::vector<WindowBatcher::Labelled> WindowBatcher::push(std::size_t ticket, const image::Image& image) {
  Pending& pending =
      pending_.emplace_back(Pending{.ticket = ticket, .height = image.height, .width = image.width, .image = {image, settings_}});
  for (std::size_t window = 0; window < pending.image.count(); ++window) {
    if (rows_.empty()) {
      windows_BCHW_ = black_windows(static_cast<std::size_t>(settings_.batch), settings_);
    }
    pending.image.fill(window, windows_BCHW_[static_cast<std::int64_t>(rows_.size())].mutable_data_ptr<float>());
    rows_.push_back({.image = &pending, .window = window});
    if (rows_.size() == static_cast<std::size_t>(settings_.batch)) {
      forward();
    }
  }
  return take_complete();
}

std::vector<WindowBatcher::Labelled> WindowBatcher::flush() {
  if (!rows_.empty()) {
    forward();
  }
  return take_complete();
}

void WindowBatcher::forward() {
  const at::Tensor scores_BCHW = scorer_(windows_BCHW_);
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    rows_[i].image->image.add(rows_[i].window, scores_BCHW[static_cast<std::int64_t>(i)]);
    ++rows_[i].image->scored;
  }
  rows_.clear();
}

// Windows are scored in order, so complete images stand at the front.
std::vector<WindowBatcher::Labelled> WindowBatcher::take_complete() {
  std::vector<Labelled> complete;
  while (!pending_.empty() && pending_.front().scored == pending_.front().image.count()) {
    const Pending& front = pending_.front();
    complete.push_back({.ticket = front.ticket, .labels = best_classes(front.image.scores(), front.height, front.width)});
    pending_.pop_front();
  }
  return complete;
}

}  // namespace muster::task
