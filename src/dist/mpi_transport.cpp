// A message is an envelope (which operation, how many bytes) that carries short contents itself; long contents follow in pieces,
// received straight into their place once the envelope was found right. So a peer in the wrong order is named, whatever it sends.
#include "dist/mpi_transport.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/error.hpp"
#include "dist/back_off.hpp"
#include "dist/doorbell.hpp"
#include "dist/mpi_bells.hpp"
#include "dist/mpi_call.hpp"

namespace muster::dist {
namespace {

constexpr int kEnvelopeTag = 1;
constexpr int kContentsTag = 2;
constexpr std::size_t kInlineBytes = 3584;      // with the envelope's own fields below the 4 KiB that MPI sends without asking first
constexpr std::size_t kMessageBytes = 4U << 20U;  // of long contents; far below the 2^31 that MPI can count

struct Envelope {
  Operation operation;
  std::uint64_t bytes = 0;
  bool poisoned = false;  // then `contents` is the reason, and nothing follows
  char contents[kInlineBytes];

  std::size_t size() const noexcept { return offsetof(Envelope, contents) + (bytes <= kInlineBytes ? bytes : 0); }
};

using Time = std::chrono::microseconds;

class MpiTransport final : public Transport {
 public:
  MpiTransport() {
    check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &comm_), "make a communicator");
    check_mpi(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN), "set the error handler");
    check_mpi(MPI_Comm_rank(comm_, &rank_), "tell the rank");
    check_mpi(MPI_Comm_size(comm_, &world_), "tell the number of ranks");
    bell_memory_.emplace(comm_);
  }
  ~MpiTransport() override {
    if (!failed_) {
      bell_memory_->free();
      MPI_Comm_free(&comm_);
    }
  }

  int rank() const noexcept override { return rank_; }
  int world() const noexcept override { return world_; }

  void exchange(const Operation& operation, std::span<const Outgoing> sends, std::span<const Incoming> receives) override {
    requests_.clear();
    envelope_of_.clear();
    received_.resize(std::max(received_.size(), receives.size()));
    sent_.resize(std::max(sent_.size(), sends.size()));
    for (std::size_t i = 0; i < receives.size(); ++i) {
      check_mpi(MPI_Irecv(&received_[i], sizeof(Envelope), MPI_BYTE, receives[i].peer, kEnvelopeTag, comm_, add(static_cast<int>(i))),
                "receive");
    }
    for (std::size_t i = 0; i < sends.size(); ++i) {
      send(operation, sends[i], sent_[i]);
    }
    const auto is_near = [this](const auto& message) { return bells().reaches(message.peer); };
    const bool all_near = std::ranges::all_of(sends, is_near) && std::ranges::all_of(receives, is_near);
    BackOff back_off = all_near ? BackOff(Time(250), Time(4000)) : BackOff(Time(20), Time(1000));
    ring_peers(sends, receives);
    for (std::size_t open = requests_.size(); open > 0;) {
      throw_if_poisoned();
      const std::uint32_t heard = bells().heard();
      const std::size_t ended = test_some();
      for (std::size_t i = 0; i < ended; ++i) {
        // Read before open_envelope() adds requests.
        const int index = envelope_of_[static_cast<std::size_t>(ended_[i])];
        if (index >= 0) {
          open += open_envelope(received_[static_cast<std::size_t>(index)], operation, receives[static_cast<std::size_t>(index)]);
        }
      }
      open -= ended;
      if (ended > 0) {
        ring_peers(sends, receives);  // what ended here may let them go on
        back_off.progressed();
      } else {
        back_off.idle([&](Time time) { bells().wait(heard, time); });
      }
    }
    throw_if_poisoned();
  }

  void poison(const std::string& why) noexcept override {
    const std::lock_guard lock(mutex_);
    if (poison_.empty()) {
      poison_ = why;
    }
    poisoned_.store(true, std::memory_order_release);
    bells().ring_own();
  }

  // Best effort: each peer reads it where it waits for our next envelope. MPI is not called again afterwards, because receives into memory
  // that may soon be gone are still open.
  void tell_peers(const std::string& why) noexcept override {
    poison(why);
    if (failed_) {
      return;
    }
    failed_ = true;
    auto envelope = std::make_unique<Envelope>();
    envelope->bytes = std::min(why.size(), kInlineBytes);
    envelope->poisoned = true;
    std::memcpy(envelope->contents, why.data(), envelope->bytes);
    std::vector<MPI_Request> requests;
    for (int peer = 0; peer < world_; ++peer) {
      if (peer != rank_) {
        MPI_Isend(envelope.get(), static_cast<int>(envelope->size()), MPI_BYTE, peer, kEnvelopeTag, comm_, &requests.emplace_back());
      }
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
    int all_sent = 0;
    while (MPI_Testall(static_cast<int>(requests.size()), requests.data(), &all_sent, MPI_STATUSES_IGNORE) == MPI_SUCCESS &&
           all_sent == 0 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(Time(100));
    }
    for (int peer = 0; peer < world_; ++peer) {
      bells().ring(peer);
    }
    if (all_sent == 0) {
      static_cast<void>(envelope.release());  // MPI may still read it
    }
  }

 private:
  const Doorbells& bells() const noexcept { return bell_memory_->bells(); }

  void ring_peers(std::span<const Outgoing> sends, std::span<const Incoming> receives) {
    for (const Outgoing& send : sends) {
      bells().ring(send.peer);
    }
    for (const Incoming& receive : receives) {
      bells().ring(receive.peer);
    }
  }

  // `envelope`: index of the receive whose envelope it is, or -1.
  MPI_Request* add(int envelope) {
    envelope_of_.push_back(envelope);
    return &requests_.emplace_back(MPI_REQUEST_NULL);
  }

  void send(const Operation& operation, const Outgoing& send, Envelope& envelope) {
    envelope.operation = operation;
    envelope.bytes = send.bytes.size();
    envelope.poisoned = false;
    if (!send.bytes.empty() && send.bytes.size() <= kInlineBytes) {
      std::memcpy(envelope.contents, send.bytes.data(), send.bytes.size());
    }
    check_mpi(MPI_Isend(&envelope, static_cast<int>(envelope.size()), MPI_BYTE, send.peer, kEnvelopeTag, comm_, add(-1)), "send");
    if (send.bytes.size() > kInlineBytes) {
      for (std::size_t at = 0; at < send.bytes.size(); at += kMessageBytes) {
        const int count = static_cast<int>(std::min(kMessageBytes, send.bytes.size() - at));
        check_mpi(MPI_Isend(send.bytes.data() + at, count, MPI_BYTE, send.peer, kContentsTag, comm_, add(-1)), "send");
      }
    }
  }

  // How many requests it added.
  std::size_t open_envelope(const Envelope& envelope, const Operation& operation, const Incoming& receive) {
    if (envelope.poisoned) {
      throw CommError("{}", std::string(envelope.contents, envelope.bytes));
    }
    if (!envelope.operation.same_order(operation) || envelope.bytes != receive.bytes.size()) {
      throw_wrong_order(receive.peer, envelope.operation, envelope.bytes, rank_, operation, receive.bytes.size());
    }
    if (receive.bytes.size() <= kInlineBytes) {
      if (!receive.bytes.empty()) {
        std::memcpy(receive.bytes.data(), envelope.contents, receive.bytes.size());
      }
      return 0;
    }
    const std::size_t before = requests_.size();
    for (std::size_t at = 0; at < receive.bytes.size(); at += kMessageBytes) {
      const int count = static_cast<int>(std::min(kMessageBytes, receive.bytes.size() - at));
      check_mpi(MPI_Irecv(receive.bytes.data() + at, count, MPI_BYTE, receive.peer, kContentsTag, comm_, add(-1)), "receive");
    }
    return requests_.size() - before;
  }

  // Into ended_: the requests that ended since the last call.
  std::size_t test_some() {
    ended_.resize(requests_.size());
    int count = 0;
    check_mpi(MPI_Testsome(static_cast<int>(requests_.size()), requests_.data(), &count, ended_.data(), MPI_STATUSES_IGNORE),
              "exchange messages");
    return count == MPI_UNDEFINED ? 0 : static_cast<std::size_t>(count);
  }

  void throw_if_poisoned() {
    if (poisoned_.load(std::memory_order_acquire)) {
      const std::lock_guard lock(mutex_);
      throw CommError("{}", poison_);
    }
  }

  MPI_Comm comm_ = MPI_COMM_NULL;
  int rank_ = 0;
  int world_ = 1;
  bool failed_ = false;
  std::optional<MpiBells> bell_memory_;
  std::vector<Envelope> sent_, received_;
  std::vector<MPI_Request> requests_;
  std::vector<int> envelope_of_;  // beside requests_
  std::vector<int> ended_;
  std::mutex mutex_;  // of poison_
  std::string poison_;
  std::atomic<bool> poisoned_{false};
};

}  // namespace

std::unique_ptr<Transport> make_mpi_transport() {
  return std::make_unique<MpiTransport>();
}

}  // namespace muster::dist
