#include "dist/process_state.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "core/atomic_file.hpp"

namespace muster::dist {
namespace {

struct Stat {
  char state = 'X';
  std::uint64_t start = 0;
};

// /proc/PID/stat is "PID (NAME) STATE" and 19 numbers, then the start. The name may hold spaces and brackets.
Stat read_stat(std::int64_t pid) noexcept {
  char path[48];
  std::snprintf(path, sizeof path, "/proc/%lld/stat", static_cast<long long>(pid));
  const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
  char text[1024];
  const ssize_t size = file ? ::read(file.get(), text, sizeof text - 1) : -1;
  if (size <= 0) {
    return {};
  }
  text[size] = '\0';
  const char* at = std::strrchr(text, ')');
  if (at == nullptr || at[1] != ' ') {
    return {};
  }
  Stat stat{.state = at[2]};
  at += 2;
  for (int field = 0; field < 19 && at != nullptr; ++field) {
    at = std::strchr(at + 1, ' ');
  }
  unsigned long long start = 0;
  if (at != nullptr && std::sscanf(at, "%llu", &start) == 1) {
    stat.start = start;
  }
  return stat;
}

}  // namespace

const char* process_state_name(ProcessState state) noexcept {
  constexpr const char* kNames[] = {"running", "stopped", "dead"};
  return kNames[static_cast<int>(state)];
}

std::int64_t shown_pid() noexcept {
  char text[32];
  const ssize_t size = ::readlink("/proc/self", text, sizeof text - 1);
  if (size <= 0) {
    return ::getpid();
  }
  text[size] = '\0';
  return std::atoll(text);
}

std::uint64_t process_start(std::int64_t pid) noexcept {
  return read_stat(pid).start;
}

ProcessState process_state(std::int64_t pid, std::uint64_t start) noexcept {
  if (start == 0) {
    return ProcessState::kRunning;
  }
  const Stat stat = read_stat(pid);
  if (stat.start != start || stat.state == 'Z' || stat.state == 'X' || stat.state == 'x') {
    return ProcessState::kDead;
  }
  return stat.state == 'T' || stat.state == 't' ? ProcessState::kStopped : ProcessState::kRunning;
}

}  // namespace muster::dist
