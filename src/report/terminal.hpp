// What people see while a run goes on: finished lines, and below them one line that is rewritten in place.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

namespace muster::report {

// Writes to a file descriptor; is interactive when that is a terminal. Safe from any thread.
class Terminal {
 public:
  explicit Terminal(int fd);
  // For tests: whether `fd` counts as a terminal, and its width in columns.
  Terminal(int fd, bool interactive, int columns);

  bool is_interactive() const noexcept { return interactive_; }
  // A finished line, above the live one.
  void print(std::string_view line);
  // Rewrites the live line, cut to the terminal's width, at most ten times a second; the last text is kept for finish().
  // Does nothing when not interactive.
  void show(std::string_view line);
  // Turns the live line into a finished one.
  void finish();

 private:
  void draw();
  void write_out(std::string_view text) const;

  int fd_;
  bool interactive_;
  int columns_;  // 0: asked from the terminal at each draw
  std::mutex mutex_;
  std::string live_;
  bool drawn_ = false;  // whether the live line is on the screen
  std::chrono::steady_clock::time_point last_draw_{};
};

// The one of this process, on stderr: results alone go to stdout.
Terminal& terminal();

}  // namespace muster::report
