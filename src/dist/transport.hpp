// What moves bytes between ranks. Collectives are written once above it (dist/host_collectives.hpp).
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "dist/operation.hpp"

namespace muster::dist {

struct Outgoing {
  int peer;
  std::span<const std::byte> bytes;
};

struct Incoming {
  int peer;
  std::span<std::byte> bytes;
};

// One rank's end. Messages between two ranks arrive in order; each carries the operation that it belongs to.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual int rank() const noexcept = 0;
  virtual int world() const noexcept = 0;

  // Sends and receives all of it at the same time, at most one message each way per peer, none to itself; sizes may be zero. Returns
  // when all is done, sleeping meanwhile. Throws CommError when a peer's message belongs to another operation than `operation` or has
  // another size (both operations are named), when the transport was poisoned, and when the medium fails; after that, only tell_peers().
  virtual void exchange(const Operation& operation, std::span<const Outgoing> sends, std::span<const Incoming> receives) = 0;

  // This rank's exchange, running or next, throws CommError(why). Any thread.
  virtual void poison(const std::string& why) noexcept = 0;
  // So does that of the other ranks, as far as they can be reached. The thread of exchange().
  virtual void tell_peers(const std::string& why) noexcept = 0;
};

// What an exchange throws when rank `peer` sent `bytes` bytes of `theirs` where `expected` bytes of `ours` were due.
[[noreturn]] void throw_wrong_order(int peer, const Operation& theirs, std::size_t bytes, int rank, const Operation& ours,
                                    std::size_t expected);

}  // namespace muster::dist
