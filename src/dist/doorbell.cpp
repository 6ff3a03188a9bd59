#include "dist/doorbell.hpp"

#include <climits>
#include <ctime>
#include <thread>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace muster::dist {
namespace {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t) && std::atomic<std::uint32_t>::is_always_lock_free);

// Without FUTEX_PRIVATE_FLAG: the word lies at another address in each process.
long futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value, const timespec* timeout) noexcept {
  return syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), operation, value, timeout, nullptr, 0);
}

void ring_bell(Bell& bell) noexcept {
  bell.rings.fetch_add(1);
  // Sequentially consistent, as in wait(): if `sleeping` is not seen here, its owner sees the new count before it falls asleep.
  if (bell.sleeping.load() != 0) {
    futex(bell.rings, FUTEX_WAKE, INT_MAX, nullptr);
  }
}

}  // namespace

void Doorbells::ring(int rank) const noexcept {
  if (reaches(rank)) {
    ring_bell(*bells_[static_cast<std::size_t>(rank)]);
  }
}

void Doorbells::ring_own() const noexcept {
  if (own_ != nullptr) {
    ring_bell(*own_);
  }
}

void Doorbells::wait(std::uint32_t heard, std::chrono::microseconds at_most) const noexcept {
  if (own_ == nullptr) {
    std::this_thread::sleep_for(at_most);
    return;
  }
  const timespec timeout{.tv_sec = static_cast<time_t>(at_most.count() / 1'000'000),
                         .tv_nsec = static_cast<long>(at_most.count() % 1'000'000 * 1000)};
  own_->sleeping.store(1);
  futex(own_->rings, FUTEX_WAIT, heard, &timeout);
  own_->sleeping.store(0);
}

}  // namespace muster::dist
