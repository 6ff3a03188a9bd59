// The run's flight folder, in which nodes that share nothing else bring their records together.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "dist/flight_record.hpp"

namespace muster::dist {

// Calls `done` every 10 ms until it is true or `seconds` are over. Returns what it said last.
template <class Done>
bool wait_up_to(double seconds, Done done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!done()) {
    if (std::chrono::steady_clock::now() >= end) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

class FlightFolder {
 public:
  // The folder is made when something is written.
  FlightFolder(std::filesystem::path folder, std::string launch, int nodes)
      : folder_(std::move(folder)), launch_(std::move(launch)), nodes_(nodes) {}

  int nodes() const noexcept { return nodes_; }
  std::filesystem::path report() const { return folder_ / "report.json"; }
  // Whether a node of this launch has begun to write.
  bool alarm_was_raised() const;

  // Writes this node's record and waits for those of the others. On the lowest node that wrote one: merges them, and returns who is
  // furthest behind, in a sentence. On the others: returns an empty text when the report is there, or after five seconds in all.
  // Throws OutputError.
  std::string write_and_merge(const NodeRecord& record, int world);

 private:
  std::filesystem::path alarm() const { return folder_ / (launch_ + ".alarm"); }
  bool report_is_of_this_launch() const;

  std::filesystem::path folder_;
  std::string launch_;
  int nodes_;
};

}  // namespace muster::dist
