#include "label/claims.hpp"

#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "core/error.hpp"

namespace muster::label {
namespace {

namespace fs = std::filesystem;
using std::chrono::nanoseconds;

std::optional<nanoseconds> modified(const UniqueFd& fd) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    return std::nullopt;
  }
  return std::chrono::seconds(status.st_mtim.tv_sec) + nanoseconds(status.st_mtim.tv_nsec);
}

std::string first_bytes(const UniqueFd& fd) {
  std::array<char, 1024> text;
  const ssize_t count = ::pread(fd.get(), text.data(), text.size(), 0);
  return {text.data(), static_cast<std::size_t>(count < 0 ? 0 : count)};
}

}  // namespace

Claims::Claims(fs::path folder, WorkerIdentity worker, double lease_s)
    : folder_(std::move(folder)),
      worker_(std::move(worker)),
      lease_(static_cast<std::int64_t>(lease_s * 1e9)),
      clock_path_(folder_ / ("clock." + worker_.name())),
      clock_(::open(clock_path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644)) {
  if (!clock_) {
    throw_output_error("create", clock_path_, errno);
  }
  renewer_ = std::jthread([this](const std::stop_token& stop) { renew_until_stopped(stop); });
}

Claims::~Claims() {
  renewer_.request_stop();
  renewer_.join();
  release_all();
  ::unlink(clock_path_.c_str());
}

Claims::Answer Claims::take(const std::string& item) {
  const std::lock_guard lock(mutex_);
  if (held_.contains(item)) {
    return Answer::kHeld;
  }
  while (!is_done(item)) {
    const std::optional<int> number = next_number(item);
    if (!number) {
      return Answer::kHeld;
    }
    if (!create(item, *number)) {
      continue;  // another worker was faster
    }
    if (!is_done(item)) {
      return Answer::kTaken;
    }
    ::unlink(held_.at(item).path.c_str());  // finished by another between our two looks
    held_.erase(item);
  }
  return Answer::kDone;
}

fs::path Claims::claim_path(const std::string& item, int number) const {
  return folder_ / fmt::format("{}.claim.{}", item, number);
}

std::optional<int> Claims::next_number(const std::string& item) {
  UniqueFd highest;
  for (int number = 0;; ++number) {
    // Opening asks a network file system for the file's present state.
    UniqueFd fd(::open(claim_path(item, number).c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd && errno != ENOENT) {
      throw_output_error("look at", claim_path(item, number), errno);
    }
    if (!fd) {
      return !highest || is_void(highest, item) ? std::optional(number) : std::nullopt;
    }
    highest = std::move(fd);
  }
}

bool Claims::is_void(const UniqueFd& claim, const std::string& item) {
  const std::optional<nanoseconds> renewed = modified(claim);
  if (!renewed || *renewed == nanoseconds(0)) {
    return true;  // given back
  }
  const std::optional<WorkerIdentity> owner = parse_worker(first_bytes(claim));
  const bool gone = owner && is_gone(*owner);
  const bool silent = !gone && file_system_now() - *renewed > lease_;
  if (gone || silent) {
    spdlog::info("{} is taken over from {}, {}", item, owner ? owner->name() : "an unknown worker",
                 gone ? "whose process is gone" : "which was silent for longer than lease_s");
  }
  return gone || silent;
}

bool Claims::create(const std::string& item, int number) {
  fs::path path = claim_path(item, number);
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd) {
    if (errno == EEXIST) {
      return false;
    }
    throw_output_error("create", path, errno);
  }
  const std::string text = to_json(worker_);
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    const int error = errno;
    ::unlink(path.c_str());
    throw_output_error("write", path, error);
  }
  held_[item] = {.path = std::move(path), .fd = std::move(fd)};
  return true;
}

void Claims::finish(const std::string& item) {
  const fs::path path = done_path(item);
  const UniqueFd done(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (!done) {
    throw_output_error("create", path, errno);
  }
  {
    const std::lock_guard lock(mutex_);
    check(held_.erase(item) == 1, "Claims: {} is not held", item);
  }
  for (int number = 0; ::unlink(claim_path(item, number).c_str()) == 0; ++number) {
  }
}

void Claims::release(const std::string& item) {
  const std::lock_guard lock(mutex_);
  const auto found = held_.find(item);
  check(found != held_.end(), "Claims: {} is not held", item);
  constexpr timespec kGivenBack[2] = {{.tv_sec = 0, .tv_nsec = 0}, {.tv_sec = 0, .tv_nsec = 0}};
  if (::futimens(found->second.fd.get(), kGivenBack) != 0) {
    spdlog::warn("cannot give {} back: {}; others wait for the end of its lease", found->second.path.string(), errno_text(errno));
  }
  held_.erase(found);
}

void Claims::release_all() {
  std::vector<std::string> items;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [item, held] : held_) {
      items.push_back(item);
    }
  }
  for (const std::string& item : items) {
    release(item);
  }
}

bool Claims::is_done(const std::string& item) const {
  return fs::exists(done_path(item));
}

void Claims::reopen(const std::string& item) {
  if (::unlink(done_path(item).c_str()) != 0 && errno != ENOENT) {
    throw_output_error("remove", done_path(item), errno);
  }
}

nanoseconds Claims::file_system_now() {
  const bool touched = ::futimens(clock_.get(), nullptr) == 0;
  const std::optional<nanoseconds> now = modified(clock_);
  if (!touched || !now) {
    throw_output_error("touch", clock_path_, errno);
  }
  return *now;
}

void Claims::renew_until_stopped(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, stop, lease_ / 4, [] { return false; }) && !stop.stop_requested()) {
    for (const auto& [item, held] : held_) {
      if (::futimens(held.fd.get(), nullptr) != 0) {
        spdlog::warn("cannot renew the claim of {}: {}; another worker may do it too, which spoils nothing", item, errno_text(errno));
      }
    }
  }
}

}  // namespace muster::label
