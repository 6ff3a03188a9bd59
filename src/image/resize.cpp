#include "image/resize.hpp"

#include <algorithm>
#include <cstdint>

#include "core/error.hpp"
#include "image/resize_kernel.hpp"
#include "image/resize_passes.hpp"

namespace muster::image {
namespace {

// Memory of the thread, grown to its largest resize and kept.
struct ResizeScratch {
  Kernel across;
  Kernel down;
  std::vector<std::uint8_t> rows;  // between the passes
  std::vector<std::uint8_t> last;  // a copy of the source's last row, with something behind it
};

// A request with its defaults filled in.
struct ResizeJob {
  AxisScale across;
  AxisScale down;
  Window window;  // of the result
};

ResizeJob job_of(const ResizeRequest& request, int height, int width) {
  const Box box = request.box.value_or(Box{0, 0, static_cast<float>(width), static_cast<float>(height)});
  const Window window = request.window.value_or(Window{0, 0, request.height, request.width});
  check(height > 0 && width > 0 && request.height > 0 && request.width > 0, "resize: {} x {} to {} x {}", height, width, request.height,
        request.width);
  check(box.left >= 0 && box.top >= 0 && box.right <= static_cast<float>(width) && box.bottom <= static_cast<float>(height) &&
            box.left < box.right && box.top < box.bottom,
        "resize: box {} {} {} {} of {} x {}", box.left, box.top, box.right, box.bottom, height, width);
  check(window.top >= 0 && window.left >= 0 && window.height > 0 && window.width > 0 && window.top + window.height <= request.height &&
            window.left + window.width <= request.width,
        "resize: window {} {} {} {} of {} x {}", window.top, window.left, window.height, window.width, request.height, request.width);
  return {.across = {width, box.left, box.right, request.width, request.filter},
          .down = {height, box.top, box.bottom, request.height, request.filter},
          .window = window};
}

// Source pixels that [offset, offset + count) of the new line needs. A pass that would change nothing is left out, so that an equal
// size is a copy.
Taps reach(const AxisScale& axis, int offset, int count) {
  if (axis.changes_nothing()) {
    return {.first = offset, .end = offset + count};
  }
  return {.first = taps_of(axis, offset).first, .end = taps_of(axis, offset + count - 1).end};
}

Window reach(const ResizeJob& job) {
  const Taps rows = reach(job.down, job.window.top, job.window.height);
  const Taps columns = reach(job.across, job.window.left, job.window.width);
  return {.top = rows.first, .left = columns.first, .height = rows.end - rows.first, .width = columns.end - columns.first};
}

// Rows [top, top + rows) of `image`, each squeezed to the window's columns, `stride` bytes apart in `to`.
void pass_across(const Image& image, int top, int rows, std::size_t stride, ResizeScratch& scratch) {
  const ResizePasses& passes = resize_passes();
  for (int y = 0; y < rows; ++y) {
    const std::uint8_t* from = image.row(top + y);
    const std::size_t behind = static_cast<std::size_t>(image.height - 1 - top - y) * image.row_bytes();
    if (behind < kRowSlack) {
      scratch.last.assign(image.row_bytes() + kRowSlack, 0);
      std::copy_n(from, image.row_bytes(), scratch.last.data());
      from = scratch.last.data();
    }
    passes.across(from, scratch.across, scratch.rows.data() + static_cast<std::size_t>(y) * stride);
  }
}

}  // namespace

Window source_window(const ResizeRequest& request, int height, int width) {
  return reach(job_of(request, height, width));
}

void resize_into(const Image& image, const ResizeRequest& request, Image& out) {
  const PartOf part = request.part.value_or(PartOf{0, 0, image.height, image.width});
  const ResizeJob job = job_of(request, part.height, part.width);
  const Window& window = job.window;
  const Window source = reach(job);
  check(image.channels == 3, "resize: {} channels", image.channels);
  check(part.top <= source.top && part.left <= source.left && part.top + image.height >= source.top + source.height &&
            part.left + image.width >= source.left + source.width,
        "resize: rows {}+{} and columns {}+{} are needed, the part has {}+{} and {}+{}", source.top, source.height, source.left,
        source.width, part.top, image.height, part.left, image.width);
  check(&image != &out, "resize: an image onto itself");

  out.height = window.height;
  out.width = window.width;
  out.channels = 3;
  const std::size_t stride = out.row_bytes();
  out.pixels.resize(static_cast<std::size_t>(window.height) * stride);

  thread_local ResizeScratch scratch;
  const int top = source.top - part.top;
  const int left = source.left - part.left;
  const auto row_of = [&](int y) { return image.row(top + y) + static_cast<std::size_t>(left) * 3; };
  if (job.across.changes_nothing() && job.down.changes_nothing()) {
    for (int y = 0; y < window.height; ++y) {
      std::copy_n(row_of(y), stride, out.row(y));
    }
    return;
  }

  // One pass after the other through scratch.rows, which has room behind its last row for what the passes may touch.
  scratch.rows.resize(std::max(scratch.rows.size(), static_cast<std::size_t>(source.height) * stride + kRowSlack));
  if (job.across.changes_nothing()) {
    for (int y = 0; y < source.height; ++y) {
      std::copy_n(row_of(y), stride, scratch.rows.data() + static_cast<std::size_t>(y) * stride);
    }
  } else {
    scratch.across.make(job.across, window.left, window.width, part.left);
    pass_across(image, top, source.height, stride, scratch);
  }
  if (job.down.changes_nothing()) {
    std::copy_n(scratch.rows.data(), out.pixels.size(), out.pixels.data());
    return;
  }
  scratch.down.make(job.down, window.top, window.height, source.top);
  for (int y = 0; y < window.height; ++y) {
    resize_passes().down(scratch.rows.data(), stride, scratch.down, y, out.row(y), stride);
  }
}

Image resize(const Image& image, const ResizeRequest& request) {
  Image out;
  resize_into(image, request, out);
  return out;
}

}  // namespace muster::image
