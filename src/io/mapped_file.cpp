#include "io/mapped_file.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.hpp"

namespace muster::io {

namespace {

// What the handler of SIGBUS may look at: no lock, no allocation, the sentence written beforehand.
struct MappedRange {
  std::atomic<std::uintptr_t> begin{0};  // 0: free
  std::uintptr_t bytes = 0;
  std::array<char, 512> sentence{};
  std::size_t sentence_bytes = 0;
};
constexpr std::size_t kMappedRanges = 64;  // a run maps one index per split; what is mapped beyond these has check_length() alone
std::array<MappedRange, kMappedRanges> g_mapped_ranges;
std::mutex g_mapped_ranges_lock;  // of those who add and remove
struct sigaction g_sigbus_before {};

void on_sigbus(int, siginfo_t* info, void*) {
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  for (const MappedRange& range : g_mapped_ranges) {
    const std::uintptr_t begin = range.begin.load(std::memory_order_acquire);
    if (begin != 0 && address >= begin && address - begin < range.bytes) {
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
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    ::sigaction(SIGBUS, &action, &g_sigbus_before);
  });
}

std::string shrunk(const std::filesystem::path& path, std::size_t bytes) {
  return fmt::format("{} is shorter than the {} bytes that it had when it was opened; put the file back as it was, and start again",
                     path.string(), bytes);
}

int add_guard(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  install_sigbus_handler();
  const std::lock_guard lock(g_mapped_ranges_lock);
  const auto free = std::ranges::find_if(g_mapped_ranges, [](const MappedRange& range) { return range.begin == 0; });
  if (free == g_mapped_ranges.end()) {
    return -1;
  }
  const std::string sentence = "muster: " + shrunk(path, bytes.size()) + "\n";
  free->sentence_bytes = std::min(sentence.size(), free->sentence.size());
  std::copy_n(sentence.data(), free->sentence_bytes, free->sentence.data());
  free->sentence[free->sentence_bytes - 1] = '\n';
  free->bytes = bytes.size();
  free->begin.store(reinterpret_cast<std::uintptr_t>(bytes.data()), std::memory_order_release);
  return static_cast<int>(free - g_mapped_ranges.begin());
}

}  // namespace

MappedFile::MappedFile(std::filesystem::path path) : path_(std::move(path)), fd_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
  struct stat status {};
  if (!fd_ || ::fstat(fd_.get(), &status) != 0) {
    throw DataError("cannot open {}: {}", path_.string(), errno_text(errno));
  }
  if (!S_ISREG(status.st_mode)) {
    throw DataError("cannot map {}: it is no file", path_.string());
  }
  if (status.st_size == 0) {
    return;
  }
  const auto bytes = static_cast<std::size_t>(status.st_size);
  void* address = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd_.get(), 0);
  if (address == MAP_FAILED) {
    throw DataError("cannot map the {} bytes of {}: {}", bytes, path_.string(), errno_text(errno));
  }
  bytes_ = {static_cast<const std::byte*>(address), bytes};
  guard_ = add_guard(path_, bytes_);
}

MappedFile::~MappedFile() {
  if (guard_ >= 0) {
    const std::lock_guard lock(g_mapped_ranges_lock);
    g_mapped_ranges[static_cast<std::size_t>(guard_)].begin.store(0, std::memory_order_release);
  }
  if (!bytes_.empty()) {
    ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::move(other.fd_)),
      bytes_(std::exchange(other.bytes_, {})),
      guard_(std::exchange(other.guard_, -1)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(bytes_, other.bytes_);
  std::swap(guard_, other.guard_);
  return *this;
}

void MappedFile::read_ahead() const noexcept {
  if (!bytes_.empty()) {
    ::madvise(const_cast<std::byte*>(bytes_.data()), bytes_.size(), MADV_WILLNEED);  // advice: what it cannot do is done while reading
  }
}

void MappedFile::check_length() const {
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0) {
    throw DataError("cannot ask for the length of {}: {}", path_.string(), errno_text(errno));
  }
  if (static_cast<std::uint64_t>(status.st_size) < bytes_.size()) {
    throw DataError("{}", shrunk(path_, bytes_.size()));
  }
}

}  // namespace muster::io
