// Collectives over host memory, written once above any transport. Runs on the communication thread, one at a time.
//
// A reduction is an exchange of slices, which every rank sums in the pair tree, so its bits depend on rank order alone: not on the
// transport, nor on how the values are cut. Large ones go in pieces, which bounds the memory and keeps what is added in cache.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "dist/operation.hpp"
#include "dist/transport.hpp"

namespace muster::dist {

class HostCollectives {
 public:
  // `transport` outlives this.
  explicit HostCollectives(Transport& transport) : transport_(transport), rank_(transport.rank()), world_(transport.world()) {}

  // As in Communicator, blocking. All throw CommError as Transport::exchange.
  void all_reduce(const Operation& operation, std::span<std::byte> values);
  void reduce_scatter(const Operation& operation, std::span<const std::byte> values, std::span<std::byte> chunk);
  void all_gather(const Operation& operation, std::span<const std::byte> mine, std::span<std::byte> all);
  void broadcast(const Operation& operation, std::span<std::byte> bytes);
  void barrier(const Operation& operation);

 private:
  struct Slice {
    std::size_t begin, size;  // bytes
  };
  using Cut = std::function<Slice(int rank)>;

  // Rank r's slice of the sum of all ranks' `values` into `sum`, on rank r.
  void reduce_slices(const Operation& operation, std::span<const std::byte> values, const Cut& cut, std::byte* sum);
  // Rank r's slice of rank r's `values` into everybody's.
  void gather_slices(const Operation& operation, std::span<std::byte> values, const Cut& cut);
  void exchange(const Operation& operation);

  Transport& transport_;
  int rank_;
  int world_;
  std::vector<std::byte> scratch_;
  std::vector<Outgoing> sends_;
  std::vector<Incoming> receives_;
};

}  // namespace muster::dist
