// How ranks of one node wake each other: MPI can only be polled, and polling once a millisecond costs two hundredths of a core.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

namespace muster::dist {

// In memory that the ranks of a node share; zero when new.
struct alignas(64) Bell {
  std::atomic<std::uint32_t> rings;
  std::atomic<std::uint32_t> sleeping;  // whether its owner may be asleep, so that ringing needs no system call while it works
};

// One rank's view of the bells of all ranks. A ring is a hint to look again; one that gets lost costs the time of a wait() only.
class Doorbells {
 public:
  Doorbells() = default;  // of a rank that shares its node with no other: reaches nobody, and waiting is sleeping
  // `bells`: by rank; nullptr for ranks of other nodes.
  Doorbells(int rank, std::vector<Bell*> bells) : own_(bells[static_cast<std::size_t>(rank)]), bells_(std::move(bells)) {}

  bool reaches(int rank) const noexcept { return !bells_.empty() && bells_[static_cast<std::size_t>(rank)] != nullptr; }
  void ring(int rank) const noexcept;  // nothing when it is not reached
  void ring_own() const noexcept;      // from another thread of this rank

  // Read before looking for work; wait() then returns at once if anybody has rung since.
  std::uint32_t heard() const noexcept { return own_ == nullptr ? 0 : own_->rings.load(); }
  void wait(std::uint32_t heard, std::chrono::microseconds at_most) const noexcept;

 private:
  Bell* own_ = nullptr;
  std::vector<Bell*> bells_;
};

}  // namespace muster::dist
