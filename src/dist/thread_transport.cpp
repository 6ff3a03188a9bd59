#include "dist/thread_transport.hpp"

#include <algorithm>
#include <cstring>

#include "core/error.hpp"

namespace muster::dist {

using Parcel = ThreadRoom::Parcel;

ThreadRoom::ThreadRoom(int world) : seats_(static_cast<std::size_t>(world)) {
  for (Seat& seat : seats_) {
    seat.inbox.resize(seats_.size());
  }
}

void ThreadTransport::exchange(const Operation& operation, std::span<const Outgoing> sends, std::span<const Incoming> receives) {
  std::vector<Parcel> parcels;
  parcels.reserve(sends.size());
  Lock lock(room_->mutex_);
  for (const Outgoing& send : sends) {
    ThreadRoom::Seat& seat = room_->seats_[static_cast<std::size_t>(send.peer)];
    seat.inbox[static_cast<std::size_t>(rank_)].push_back(&parcels.emplace_back(&operation, send.bytes));
    seat.changed.notify_one();
  }
  try {
    transfer(lock, operation, parcels, receives);
  } catch (...) {
    withdraw(lock, sends, parcels);
    throw;
  }
}

void ThreadTransport::transfer(Lock& lock, const Operation& operation, std::span<Parcel> parcels, std::span<const Incoming> receives) {
  ThreadRoom::Seat& seat = room_->seats_[static_cast<std::size_t>(rank_)];
  std::vector<const Incoming*> open(receives.size());
  std::transform(receives.begin(), receives.end(), open.begin(), [](const Incoming& receive) { return &receive; });
  const auto is_here = [&](const Incoming* receive) { return !seat.inbox[static_cast<std::size_t>(receive->peer)].empty(); };
  const auto all_taken = [&] { return std::ranges::all_of(parcels, [](const Parcel& p) { return p.stage == ThreadRoom::Stage::kDone; }); };
  while (true) {
    if (!room_->poison_.empty()) {
      throw CommError("{}", room_->poison_);
    }
    if (const auto next = std::ranges::find_if(open, is_here); next != open.end()) {
      const Incoming* receive = *next;
      open.erase(next);
      take(lock, operation, *receive);
    } else if (open.empty() && all_taken()) {
      return;
    } else {
      seat.changed.wait(lock);
    }
  }
}

// Copies without the lock: the sender stays until the parcel is done.
void ThreadTransport::take(Lock& lock, const Operation& operation, const Incoming& receive) {
  auto& inbox = room_->seats_[static_cast<std::size_t>(rank_)].inbox[static_cast<std::size_t>(receive.peer)];
  Parcel& parcel = *inbox.front();
  if (!parcel.operation->same_order(operation) || parcel.bytes.size() != receive.bytes.size()) {
    throw_wrong_order(receive.peer, *parcel.operation, parcel.bytes.size(), rank_, operation, receive.bytes.size());
  }
  inbox.pop_front();
  parcel.stage = ThreadRoom::Stage::kTaken;
  lock.unlock();
  if (!receive.bytes.empty()) {
    std::memcpy(receive.bytes.data(), parcel.bytes.data(), receive.bytes.size());
  }
  lock.lock();
  parcel.stage = ThreadRoom::Stage::kDone;
  room_->seats_[static_cast<std::size_t>(receive.peer)].changed.notify_one();
}

// Nobody may read our buffers once the exchange has ended: parcels still queued are taken back, those being copied are waited for.
void ThreadTransport::withdraw(Lock& lock, std::span<const Outgoing> sends, std::span<Parcel> parcels) noexcept {
  for (std::size_t i = 0; i < parcels.size(); ++i) {
    std::erase(room_->seats_[static_cast<std::size_t>(sends[i].peer)].inbox[static_cast<std::size_t>(rank_)], &parcels[i]);
    room_->seats_[static_cast<std::size_t>(rank_)].changed.wait(lock, [&] { return parcels[i].stage != ThreadRoom::Stage::kTaken; });
  }
}

void ThreadTransport::poison(const std::string& why) noexcept {
  const std::lock_guard lock(room_->mutex_);
  if (room_->poison_.empty()) {
    room_->poison_ = why;
  }
  for (ThreadRoom::Seat& seat : room_->seats_) {
    seat.changed.notify_one();
  }
}

}  // namespace muster::dist
