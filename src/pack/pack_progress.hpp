// How far packing is, on one line: rewritten in place on a terminal, every ten seconds in a log.
//
// Rank 0 shows it. Of the other ranks it knows what they told at the last exchange, and takes it that since then they were as fast as
// itself.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

namespace muster::pack {

struct Amount {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;  // of source files
};

// "packing train: 1200 of 5000 files (24 %), 310 files/s, 25.1 MB/s, about 12 s left"; `elapsed_s` since the first file.
std::string progress_line(const std::string& what, const Amount& done, const Amount& total, double elapsed_s);

// "310 files/s, 25.1 MB/s"; without MB/s where no bytes were counted, "" where no time has passed.
std::string rate_text(const Amount& done, double elapsed_s);

class PackProgress {
 public:
  // An empty line: that was the last one.
  using Show = std::function<void(const std::string& line, bool in_log)>;

  // A silent one for ranks that do not show.
  PackProgress() = default;
  // `show` gets at most ten lines a second, and one for the log every `log_every_s`.
  PackProgress(std::string what, Amount total, int ranks, Show show, double log_every_s = 10);

  ~PackProgress();  // shows how far it came

  // Done here. Any thread.
  void add(std::uint64_t files, std::uint64_t bytes);
  Amount mine() const noexcept { return {files_.load(), bytes_.load()}; }
  // What all ranks together had done when this one had done `mine`.
  void all_ranks(const Amount& all, const Amount& mine);

 private:
  Amount estimate() const;

  std::string what_;
  Amount total_;
  int ranks_ = 1;
  Show show_;
  double log_every_s_ = 10;
  std::atomic<std::uint64_t> files_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::mutex mutex_;  // guards what follows
  Amount all_at_exchange_;
  Amount mine_at_exchange_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point shown_ = start_;
  std::chrono::steady_clock::time_point logged_ = start_;
};

// On rank 0: the live line of the terminal, or the log where there is none. Elsewhere silent.
PackProgress::Show progress_on_terminal(bool first_rank);

}  // namespace muster::pack
