#include "dist/host_communicator.hpp"

#include <exception>
#include <utility>

#include <fmt/format.h>

#include "core/error.hpp"
#include "dist/completion.hpp"
#include "dist/pair_tree.hpp"
#include "dist/thread_transport.hpp"

namespace muster::dist {
namespace {

std::uint64_t count_of(std::size_t bytes, ScalarType dtype) {
  check(bytes % scalar_bytes(dtype) == 0, "{} bytes are no whole number of {} elements", bytes, scalar_name(dtype));
  return bytes / scalar_bytes(dtype);
}

std::uint64_t addends_of(std::size_t bytes, ScalarType dtype) {
  check(can_be_added(dtype), "ranks cannot add {} elements; F32, F64, BF16, I64 and I32 can be added", scalar_name(dtype));
  return count_of(bytes, dtype);
}

}  // namespace

HostCommunicator::HostCommunicator(std::unique_ptr<Transport> transport, std::shared_ptr<CommThread> thread)
    : transport_(std::move(transport)),
      thread_(std::move(thread)),
      rank_(transport_->rank()),
      world_(transport_->world()),
      collectives_(*transport_) {}

HostCommunicator::~HostCommunicator() {
  if (!closed_) {
    poison("it ended without closing its communicator");
  }
  if (thread_ != nullptr) {
    thread_->run([this] { transport_.reset(); });  // behind everything posted before
  }
}

Handle HostCommunicator::all_reduce(std::span<std::byte> values, ScalarType dtype) {
  const Operation operation = log_.add(OperationKind::kAllReduce, dtype, addends_of(values.size(), dtype), 0);
  return submit(operation, [this, values](const Operation& o) { collectives_.all_reduce(o, values); });
}

Handle HostCommunicator::reduce_scatter(std::span<const std::byte> values, std::span<std::byte> chunk, ScalarType dtype) {
  check(values.size() == chunk.size() * static_cast<std::size_t>(world_), "reduce_scatter of {} bytes into chunks of {} on {} ranks",
        values.size(), chunk.size(), world_);
  count_of(chunk.size(), dtype);
  const Operation operation = log_.add(OperationKind::kReduceScatter, dtype, addends_of(values.size(), dtype), 0);
  return submit(operation, [this, values, chunk](const Operation& o) { collectives_.reduce_scatter(o, values, chunk); });
}

Handle HostCommunicator::all_gather(std::span<const std::byte> mine, std::span<std::byte> all) {
  check(all.size() == mine.size() * static_cast<std::size_t>(world_), "all_gather of {} bytes into {} on {} ranks", mine.size(), all.size(),
        world_);
  const Operation operation = log_.add(OperationKind::kAllGather, ScalarType::kU8, mine.size(), 0);
  return submit(operation, [this, mine, all](const Operation& o) { collectives_.all_gather(o, mine, all); });
}

Handle HostCommunicator::broadcast(std::span<std::byte> bytes, int root) {
  check(root >= 0 && root < world_, "broadcast from rank {} of {}", root, world_);
  const Operation operation = log_.add(OperationKind::kBroadcast, ScalarType::kU8, bytes.size(), root);
  return submit(operation, [this, bytes](const Operation& o) { collectives_.broadcast(o, bytes); });
}

Handle HostCommunicator::barrier() {
  return submit(log_.add(OperationKind::kBarrier, ScalarType::kU8, 0, 0), [this](const Operation& o) { collectives_.barrier(o); });
}

void HostCommunicator::close() {
  if (!closed_) {
    barrier().wait();
    closed_ = true;
  }
}

// The transport ends the exchange that runs; the posted task tells the others, and fails what is posted behind it, when none did.
void HostCommunicator::poison(std::string why) {
  std::string text = fmt::format("rank {} left: {}", rank_, why);
  transport_->poison(text);
  post([this, text = std::move(text)] { fail(text); });
}

void HostCommunicator::observe(OperationObserver* observer) {
  const std::lock_guard lock(observer_mutex_);
  observer_ = observer;
}

Handle HostCommunicator::submit(const Operation& operation, Work work) {
  check(!closed_, "{} after the communicator was closed", describe(operation));
  auto completion = std::make_shared<Completion>();
  post([this, operation, work = std::move(work), completion] { carry_out(operation, work, *completion); });
  return Handle(std::move(completion));
}

void HostCommunicator::carry_out(const Operation& operation, const Work& work, Completion& completion) noexcept {
  const auto tell = [&](auto what) {
    const std::lock_guard lock(observer_mutex_);
    if (observer_ != nullptr) {
      (observer_->*what)(operation);
    }
  };
  if (failure_.empty()) {
    tell(&OperationObserver::began);
    try {
      work(operation);
      tell(&OperationObserver::ended);
      completion.finish(Completion::kDone);
      return;
    } catch (const std::exception& error) {
      fail(error.what());
    }
  }
  completion.error = failure_;
  completion.finish(Completion::kFailed);
}

// Peers hear of it before our own waits end, while the buffers that they may still read are certainly there.
void HostCommunicator::fail(const std::string& why) noexcept {
  if (failure_.empty()) {
    failure_ = why;
    transport_->tell_peers(why);
  }
}

void HostCommunicator::post(std::function<void()> task) {
  if (thread_ == nullptr) {
    task();
  } else {
    thread_->post(std::move(task));
  }
}

std::unique_ptr<Communicator> make_solo_communicator() {
  return std::make_unique<HostCommunicator>(std::make_unique<ThreadTransport>(std::make_shared<ThreadRoom>(1), 0), nullptr);
}

}  // namespace muster::dist
