#include "report/terminal.hpp"

#include <algorithm>
#include <cerrno>

#include <sys/ioctl.h>
#include <unistd.h>

namespace muster::report {
namespace {

constexpr auto kRedraw = std::chrono::milliseconds(100);
constexpr std::string_view kEraseLine = "\r\x1b[2K";  // ECMA-48: back to the first column, erase the whole line

int columns_of(int fd) {
  winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

Terminal::Terminal(int fd) : Terminal(fd, ::isatty(fd) == 1, 0) {}
Terminal::Terminal(int fd, bool interactive, int columns) : fd_(fd), interactive_(interactive), columns_(columns) {}

void Terminal::print(std::string_view line) {
  const std::lock_guard lock(mutex_);
  std::string text;
  if (drawn_) {
    text = kEraseLine;
    drawn_ = false;
  }
  write_out(text.append(line).append("\n"));
  if (!live_.empty()) {
    draw();
  }
}

void Terminal::show(std::string_view line) {
  if (!interactive_) {
    return;
  }
  const std::lock_guard lock(mutex_);
  live_ = line;
  if (const auto now = std::chrono::steady_clock::now(); now - last_draw_ >= kRedraw) {
    last_draw_ = now;
    draw();
  }
}

void Terminal::finish() {
  const std::lock_guard lock(mutex_);
  if (!live_.empty()) {
    draw();
    write_out("\n");
    live_.clear();
    drawn_ = false;
  }
}

void Terminal::draw() {
  const auto columns = static_cast<std::size_t>(columns_ > 0 ? columns_ : columns_of(fd_));
  // One column is left free: a full line would wrap, and could not be erased.
  write_out(std::string(kEraseLine) + live_.substr(0, columns - 1));
  drawn_ = true;
}

// A console that has gone away (a closed pipe) is no reason to stop training.
void Terminal::write_out(std::string_view text) const {
  while (!text.empty()) {
    const ssize_t written = ::write(fd_, text.data(), text.size());
    if (written < 0 && errno != EINTR) {
      return;
    }
    text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
  }
}

Terminal& terminal() {
  static Terminal on_stderr(STDERR_FILENO);
  return on_stderr;
}

}  // namespace muster::report
