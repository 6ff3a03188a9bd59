// Predictions of many images whose windows share forwards, each forward of exactly `batch` windows.
//
//   images      A (3 windows)   B (1)   C (2)                batch = 2
//   forwards    A0 A1 | A2 B0 | C0 C1                        flush() fills a last one up with black windows
//
// Every forward has the same shape, so the scores of a window do not depend on its row or on what stands in the others, and the
// labels of an image are those that it gets alone (tested; src/decisions/0003-labels-shared-forwards.md). One thread at a time.
#pragma once

#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "image/image.hpp"
#include "task/window_prediction.hpp"

namespace muster::task {

class WindowBatcher {
 public:
  struct Labelled {
    std::size_t ticket = 0;
    image::LabelMap labels;  // train indices, at the image's own size
  };

  WindowBatcher(WindowSettings settings, WindowScorer scorer);
  WindowBatcher(const WindowBatcher&) = delete;
  WindowBatcher& operator=(const WindowBatcher&) = delete;

  // Takes an upright image of 3 channels, and returns those that are complete now, in the order in which they came.
  std::vector<Labelled> push(std::size_t ticket, const image::Image& image);
  // All that are left.
  std::vector<Labelled> flush();

 private:
  struct Pending {
    std::size_t ticket;
    int height, width;
    WindowedImage image;
    std::size_t scored = 0;  // windows
  };
  struct Row {
    Pending* image;  // stays where it is: a deque is changed at its ends alone
    std::size_t window;
  };

  void forward();
  std::vector<Labelled> take_complete();

  const WindowSettings settings_;
  const WindowScorer scorer_;
  std::deque<Pending> pending_;
  std::vector<Row> rows_;  // of the forward that is being filled
  at::Tensor windows_BCHW_;
};

}  // namespace muster::task
