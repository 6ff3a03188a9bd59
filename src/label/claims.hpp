// Which worker does what, agreed on through files alone (CONTRACTS 13).
//
//   claims/000012.claim.0   someone works on it: made with O_EXCL, renewed by its modification time, void after the lease
//   claims/000012.claim.1   the first fell silent, another took over: the highest number counts
//   claims/000012.done      finished for good; the claims are gone
//
// Taking over is making the next number, with O_EXCL again, so of several workers that see a void claim one gets the item. A claim
// given back is one whose time is set to 0. Claims only save work: two workers that do the same item (one was stopped for longer than
// the lease) spoil nothing, since outputs are committed by link(). Time is that of the file system, so that the clocks of the machines
// need not agree.
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "core/atomic_file.hpp"
#include "label/worker_identity.hpp"

namespace muster::label {

class Claims {
 public:
  enum class Answer { kTaken, kHeld, kDone };

  // `folder` exists. A thread renews what this worker holds, however long one image takes.
  Claims(std::filesystem::path folder, WorkerIdentity worker, double lease_s);
  // Releases what is held.
  ~Claims();
  Claims(const Claims&) = delete;
  Claims& operator=(const Claims&) = delete;

  // kTaken: it is ours now; a claim that ran out, or whose process is gone, is taken over. kHeld: another worker is at it,
  // or this one. Any thread, as all that follow. OutputError.
  Answer take(const std::string& item);
  // What is held becomes done.
  void finish(const std::string& item);
  // What is held is free again, for any worker.
  void release(const std::string& item);
  void release_all();

  bool is_done(const std::string& item) const;
  // What was done is to be done again.
  void reopen(const std::string& item);

 private:
  struct Held {
    std::filesystem::path path;
    UniqueFd fd;
  };

  std::filesystem::path claim_path(const std::string& item, int number) const;
  std::filesystem::path done_path(const std::string& item) const { return folder_ / (item + ".done"); }

  // The number of the claim to make, one above the highest; nothing when that one is in force.
  std::optional<int> next_number(const std::string& item);
  bool is_void(const UniqueFd& claim, const std::string& item);
  bool create(const std::string& item, int number);
  std::chrono::nanoseconds file_system_now();
  void renew_until_stopped(const std::stop_token& stop);

  const std::filesystem::path folder_;
  const WorkerIdentity worker_;
  const std::chrono::nanoseconds lease_;
  const std::filesystem::path clock_path_;
  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  UniqueFd clock_;
  std::map<std::string, Held> held_;
  std::jthread renewer_;  // last: stops before the rest goes
};

}  // namespace muster::label
