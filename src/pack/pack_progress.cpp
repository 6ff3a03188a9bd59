#include "pack/pack_progress.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "report/terminal.hpp"

namespace muster::pack {
namespace {

constexpr auto kShownEvery = std::chrono::milliseconds(100);

std::string duration_text(double seconds) {
  const auto s = static_cast<std::int64_t>(std::ceil(seconds));
  if (s < 120) {
    return fmt::format("{} s", s);
  }
  if (s < 2 * 3600) {
    return fmt::format("{} min", (s + 59) / 60);
  }
  return fmt::format("{} h {} min", s / 3600, s % 3600 / 60);
}

std::uint64_t grown(std::uint64_t all, std::uint64_t mine, std::uint64_t mine_before, int ranks, std::uint64_t total) {
  return std::min(total, all + (mine - mine_before) * static_cast<std::uint64_t>(ranks));
}

}  // namespace

std::string progress_line(const std::string& what, const Amount& done, const Amount& total, double elapsed_s) {
  std::string line = fmt::format("{}: {} of {} files", what, done.files, total.files);
  if (total.files == 0 || done.files == 0 || elapsed_s <= 0) {
    return line;
  }
  const double share = static_cast<double>(done.files) / static_cast<double>(total.files);
  line += fmt::format(" ({:.0f} %), {}", 100 * share, rate_text(done, elapsed_s));
  if (done.files < total.files) {
    line += fmt::format(", about {} left", duration_text(elapsed_s * (1 - share) / share));
  }
  return line;
}

std::string rate_text(const Amount& done, double elapsed_s) {
  if (elapsed_s <= 0) {
    return {};
  }
  const std::string files = fmt::format("{:.0f} files/s", static_cast<double>(done.files) / elapsed_s);
  return done.bytes == 0 ? files : fmt::format("{}, {:.1f} MB/s", files, static_cast<double>(done.bytes) / 1e6 / elapsed_s);
}

PackProgress::PackProgress(std::string what, Amount total, int ranks, Show show, double log_every_s)
    : what_(std::move(what)), total_(total), ranks_(ranks), show_(std::move(show)), log_every_s_(log_every_s) {}

PackProgress::~PackProgress() {
  if (show_ && shown_ != start_) {
    show_(progress_line(what_, estimate(), total_, std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count()),
          false);
    show_("", false);
  }
}

Amount PackProgress::estimate() const {
  return {grown(all_at_exchange_.files, files_.load(), mine_at_exchange_.files, ranks_, total_.files),
          grown(all_at_exchange_.bytes, bytes_.load(), mine_at_exchange_.bytes, ranks_, total_.bytes)};
}

void PackProgress::add(std::uint64_t files, std::uint64_t bytes) {
  files_ += files;
  bytes_ += bytes;
  if (!show_) {
    return;
  }
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  const bool in_log = std::chrono::duration<double>(now - logged_).count() >= log_every_s_;
  if (now - shown_ < kShownEvery && !in_log) {
    return;
  }
  shown_ = now;
  logged_ = in_log ? now : logged_;
  show_(progress_line(what_, estimate(), total_, std::chrono::duration<double>(now - start_).count()), in_log);
}

void PackProgress::all_ranks(const Amount& all, const Amount& mine) {
  const std::lock_guard lock(mutex_);
  all_at_exchange_ = all;
  mine_at_exchange_ = mine;
}

PackProgress::Show progress_on_terminal(bool first_rank) {
  if (!first_rank) {
    return {};
  }
  return [](const std::string& line, bool in_log) {
    if (line.empty()) {
      report::terminal().finish();
    } else if (report::terminal().is_interactive()) {
      report::terminal().show(line);
    } else if (in_log) {
      spdlog::info("{}", line);
    }
  };
}

}  // namespace muster::pack
