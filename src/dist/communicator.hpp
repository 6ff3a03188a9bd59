// Collectives over all ranks, as values that a rank posts and later waits for.
//
// Every rank posts the same operations in the same order. Posting returns at once; one thread per process carries the operations
// out, in order. Sums add over rank index in pairs, (0,1), (2,3), ..., then pairs of these, an odd last one passing up unchanged, with
// fp32 accumulation for bf16 (CONTRACTS 5): the same bits on every rank and on every transport.
//
//   Handle sum = communicator.all_reduce(std::as_writable_bytes(std::span(gradient)), ScalarType::kF32);
//   ...                                  // the buffer belongs to the operation until
//   sum.wait();                          // it is done, or throws CommError
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/reducer.hpp"
#include "core/scalar_type.hpp"

namespace muster::dist {

struct Completion;        // what a handle and the communication thread share
class OperationObserver;  // dist/operation.hpp

// One posted operation. Copies mean the same operation; a default-constructed handle is done. Any thread.
class Handle {
 public:
  Handle() noexcept = default;
  explicit Handle(std::shared_ptr<Completion> completion) noexcept : completion_(std::move(completion)) {}

  bool done() const noexcept;  // true also when it failed
  // Sleeps on a futex until the operation is done. Throws CommError with what it failed of, each time it is called.
  void wait();

 private:
  std::shared_ptr<Completion> completion_;
};

// One per rank. Calls come from one thread at a time; the memory of an operation stays untouched until its handle is done.
// After one failed operation all later ones fail with the same text: the order is lost.
class Communicator {
 public:
  Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;
  virtual ~Communicator() = default;  // without close(): leaves as poison() does, and waits for nobody

  virtual int rank() const noexcept = 0;
  virtual int world() const noexcept = 0;

  // Sum in place, of f32, f64, bf16, i64 or i32 (these two wrap).
  virtual Handle all_reduce(std::span<std::byte> values, ScalarType dtype) = 0;
  // `values` = world chunks, of which rank r gets the sum of all r-th in `chunk` (which may be the r-th of `values`).
  virtual Handle reduce_scatter(std::span<const std::byte> values, std::span<std::byte> chunk, ScalarType dtype) = 0;
  // `all` = world times `mine`, by rank; `mine` may be its own slice of `all`.
  virtual Handle all_gather(std::span<const std::byte> mine, std::span<std::byte> all) = 0;
  virtual Handle broadcast(std::span<std::byte> bytes, int root) = 0;
  virtual Handle barrier() = 0;

  // Collective, the last call: returns when all ranks have come here. A second call does nothing. Throws CommError.
  virtual void close() = 0;
  // This rank leaves: all waits here and on the other ranks throw CommError with this rank and `why`. Any thread. Over MPI the other
  // ranks hear of it in their next operation; Session::abort() ends them in any case.
  virtual void poison(std::string why) = 0;

  // Rolling hash over (sequence, operation, dtype, count, root) of all operations posted so far: equal on all ranks, or the order is lost.
  virtual std::uint64_t log_hash() const = 0;
  // Names what the operations posted from now on belong to ("blocks.3"), at most 23 bytes of it: shown by the watchdog.
  virtual void label(std::string_view unit) = 0;
  // Tells `observer` of each operation as it begins and ends, on the communication thread; nullptr ends that. One at a time.
  virtual void observe(OperationObserver* observer) = 0;
};

// World 1: every operation is a copy or nothing, done when it is posted.
std::unique_ptr<Communicator> make_solo_communicator();

// Blocking and collective. The text of rank `root`, on all ranks.
std::string broadcast_text(Communicator& communicator, std::string text, int root);
// Blocking and collective. The texts of all ranks by rank, on all ranks; lengths may differ.
std::vector<std::string> gather_texts(Communicator& communicator, std::string_view mine);

// core's Reducer over a communicator, which must outlive it.
class CommunicatorReducer final : public Reducer {
 public:
  explicit CommunicatorReducer(Communicator& communicator) : communicator_(communicator) {}
  int rank() const noexcept override { return communicator_.rank(); }
  int world() const noexcept override { return communicator_.world(); }
  void sum(std::span<double> values) override;
  void max(std::span<double> values) override;

 private:
  Communicator& communicator_;
};

}  // namespace muster::dist
