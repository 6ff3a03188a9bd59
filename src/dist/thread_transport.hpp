// Ranks that are threads of one process: a receiver copies straight out of the sender's buffer.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dist/transport.hpp"

namespace muster::dist {

// Where the ranks of one world meet; shared by their transports.
class ThreadRoom {
 public:
  explicit ThreadRoom(int world);
  int world() const noexcept { return static_cast<int>(seats_.size()); }

  enum class Stage { kQueued, kTaken, kDone };
  // On the stack of the sender, which stays in its exchange until the receiver is done with it.
  struct Parcel {
    const Operation* operation;
    std::span<const std::byte> bytes;
    Stage stage = Stage::kQueued;
  };

 private:
  friend class ThreadTransport;
  struct Seat {
    std::condition_variable changed;
    std::vector<std::deque<Parcel*>> inbox;  // by sender
  };

  std::mutex mutex_;
  std::vector<Seat> seats_;
  std::string poison_;  // not empty: nobody waits any more
};

class ThreadTransport final : public Transport {
 public:
  ThreadTransport(std::shared_ptr<ThreadRoom> room, int rank) : room_(std::move(room)), rank_(rank) {}

  int rank() const noexcept override { return rank_; }
  int world() const noexcept override { return room_->world(); }
  void exchange(const Operation& operation, std::span<const Outgoing> sends, std::span<const Incoming> receives) override;
  void poison(const std::string& why) noexcept override;
  void tell_peers(const std::string& why) noexcept override { poison(why); }

 private:
  using Lock = std::unique_lock<std::mutex>;
  void transfer(Lock& lock, const Operation& operation, std::span<ThreadRoom::Parcel> parcels, std::span<const Incoming> receives);
  void take(Lock& lock, const Operation& operation, const Incoming& receive);
  void withdraw(Lock& lock, std::span<const Outgoing> sends, std::span<ThreadRoom::Parcel> parcels) noexcept;

  std::shared_ptr<ThreadRoom> room_;
  int rank_;
};

}  // namespace muster::dist
