#include "io/page_fault.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <csetjmp>
#include <csignal>
#include <mutex>
#include <utility>

#include <unistd.h>

#include "core/error.hpp"
#include "core/hash.hpp"

namespace muster::io {

namespace {

// What the handler of SIGBUS may look at: no lock, no allocation, the sentence written beforehand.
struct GuardedRange {
  std::atomic<std::uintptr_t> begin{0};  // 0: free
  std::uintptr_t bytes = 0;
  std::array<char, 512> sentence{};
  std::size_t sentence_bytes = 0;
};
constexpr std::size_t kGuardedRanges = 64;  // a run maps one index per split
std::array<GuardedRange, kGuardedRanges> g_guarded_ranges;
std::mutex g_guarded_ranges_lock;  // of those who add and remove
struct sigaction g_sigbus_before {};

// Of this thread: what copy_mapped() reads now, and where it goes on after a fault there.
struct RunningCopy {
  std::uintptr_t begin = 0;
  std::uintptr_t bytes = 0;  // 0: none runs
  sigjmp_buf after_fault{};
};
thread_local RunningCopy t_running_copy;

bool within(std::uintptr_t address, std::uintptr_t begin, std::uintptr_t bytes) {
  return address >= begin && address - begin < bytes;
}

void on_sigbus(int, siginfo_t* info, void*) {
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  if (within(address, t_running_copy.begin, t_running_copy.bytes)) {
    siglongjmp(t_running_copy.after_fault, 1);
  }
  for (const GuardedRange& range : g_guarded_ranges) {
    const std::uintptr_t begin = range.begin.load(std::memory_order_acquire);
    if (begin != 0 && within(address, begin, range.bytes)) {
      if (::write(STDERR_FILENO, range.sentence.data(), range.sentence_bytes) < 0) {
        ::_exit(static_cast<int>(ExitCode::kBug));
      }
      ::_exit(static_cast<int>(ExitCode::kData));
    }
  }
  ::sigaction(SIGBUS, &g_sigbus_before, nullptr);  // the instruction runs again, and faults as it would have without us
}

void install_sigbus_handler() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action {};
    action.sa_sigaction = on_sigbus;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;  // not deferred: a jump out of the handler need not put a mask back
    sigemptyset(&action.sa_mask);
    ::sigaction(SIGBUS, &action, &g_sigbus_before);
  });
}

}  // namespace

FaultGuard::FaultGuard(std::span<const std::byte> bytes, const std::string& sentence) {
  install_sigbus_handler();
  const std::lock_guard lock(g_guarded_ranges_lock);
  const auto free = std::ranges::find_if(g_guarded_ranges, [](const GuardedRange& range) { return range.begin == 0; });
  if (free == g_guarded_ranges.end()) {
    return;
  }
  free->sentence_bytes = std::min(sentence.size() + 1, free->sentence.size());
  std::copy_n(sentence.data(), free->sentence_bytes - 1, free->sentence.data());
  free->sentence[free->sentence_bytes - 1] = '\n';
  free->bytes = bytes.size();
  free->begin.store(reinterpret_cast<std::uintptr_t>(bytes.data()), std::memory_order_release);
  entry_ = static_cast<int>(free - g_guarded_ranges.begin());
}

FaultGuard::~FaultGuard() {
  if (entry_ >= 0) {
    const std::lock_guard lock(g_guarded_ranges_lock);
    g_guarded_ranges[static_cast<std::size_t>(entry_)].begin.store(0, std::memory_order_release);
  }
}

FaultGuard::FaultGuard(FaultGuard&& other) noexcept : entry_(std::exchange(other.entry_, -1)) {}

FaultGuard& FaultGuard::operator=(FaultGuard&& other) noexcept {
  FaultGuard old(std::move(*this));
  entry_ = std::exchange(other.entry_, -1);
  return *this;
}

std::optional<std::uint32_t> copy_mapped(std::span<const std::byte> bytes, std::byte* copy) {
  install_sigbus_handler();
  RunningCopy& running = t_running_copy;
  running.begin = reinterpret_cast<std::uintptr_t>(bytes.data());
  // Nothing between here and the end has a destructor, takes a lock or memory: it may be left from the middle.
  if (sigsetjmp(running.after_fault, 0) != 0) {
    t_running_copy.bytes = 0;
    return std::nullopt;
  }
  running.bytes = bytes.size();
  std::atomic_signal_fence(std::memory_order_seq_cst);
  const std::uint32_t crc32 = crc32_while_copying(bytes, copy);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  running.bytes = 0;
  return crc32;
}

}  // namespace muster::io
