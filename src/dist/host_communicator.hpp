// The communicator of host memory: operations go to the communication thread, which carries them out over a transport.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "dist/comm_thread.hpp"
#include "dist/communicator.hpp"
#include "dist/host_collectives.hpp"
#include "dist/operation.hpp"
#include "dist/transport.hpp"

namespace muster::dist {

class HostCommunicator final : public Communicator {
 public:
  // Communicators of one process may share a thread, as MPI needs. Without one, operations are carried out where they are posted:
  // for a world of one. The transport is used, and destroyed, on the thread.
  HostCommunicator(std::unique_ptr<Transport> transport, std::shared_ptr<CommThread> thread);
  ~HostCommunicator() override;

  int rank() const noexcept override { return rank_; }
  int world() const noexcept override { return world_; }
  Handle all_reduce(std::span<std::byte> values, ScalarType dtype) override;
  Handle reduce_scatter(std::span<const std::byte> values, std::span<std::byte> chunk, ScalarType dtype) override;
  Handle all_gather(std::span<const std::byte> mine, std::span<std::byte> all) override;
  Handle broadcast(std::span<std::byte> bytes, int root) override;
  Handle barrier() override;
  void close() override;
  void poison(std::string why) override;
  std::uint64_t log_hash() const override { return log_.hash(); }
  void label(std::string_view unit) override { log_.label(unit); }
  void observe(OperationObserver* observer) override;

 private:
  using Work = std::function<void(const Operation&)>;

  Handle submit(const Operation& operation, Work work);
  void carry_out(const Operation& operation, const Work& work, Completion& completion) noexcept;
  void fail(const std::string& why) noexcept;  // on the thread
  void post(std::function<void()> task);

  std::unique_ptr<Transport> transport_;
  std::shared_ptr<CommThread> thread_;
  int rank_;
  int world_;
  HostCollectives collectives_;
  OperationLog log_;
  bool closed_ = false;
  std::string failure_;  // on the thread: what all further operations fail of
  std::mutex observer_mutex_;
  OperationObserver* observer_ = nullptr;
};

}  // namespace muster::dist
