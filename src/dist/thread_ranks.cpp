#include "dist/thread_ranks.hpp"

#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "dist/host_communicator.hpp"
#include "dist/thread_transport.hpp"

namespace muster::dist {

void run_thread_ranks(int world, const std::function<void(Communicator&)>& body) {
  const auto room = std::make_shared<ThreadRoom>(world);
  std::mutex mutex;
  std::exception_ptr first_error;
  const auto run_rank = [&](int rank) {
    HostCommunicator communicator(std::make_unique<ThreadTransport>(room, rank), std::make_shared<CommThread>());
    try {
      body(communicator);
      communicator.close();
    } catch (...) {
      std::string why = "its thread threw something that is no std::exception";
      {
        // Kept before the others hear of it, so that it comes before what they throw on that account.
        const std::lock_guard lock(mutex);
        if (!first_error) {
          first_error = std::current_exception();
        }
      }
      try {
        throw;
      } catch (const std::exception& error) {
        why = error.what();
      } catch (...) {
      }
      communicator.poison(why);
    }
  };
  std::vector<std::thread> threads;
  for (int rank = 0; rank < world; ++rank) {
    threads.emplace_back(run_rank, rank);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  if (first_error) {
    std::rethrow_exception(first_error);
  }
}

}  // namespace muster::dist
