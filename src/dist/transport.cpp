#include "dist/transport.hpp"

#include "core/error.hpp"

namespace muster::dist {

void throw_wrong_order(int peer, const Operation& theirs, std::size_t bytes, int rank, const Operation& ours, std::size_t expected) {
  if (theirs.same_order(ours)) {
    throw CommError("rank {} sent {} bytes in {} where rank {} wanted {}: the ranks cut the same operation differently; this is a bug",
                    peer, bytes, describe(theirs), rank, expected);
  }
  throw CommError(
      "rank {} is in {}, rank {} in {}: all ranks must post the same operations in the same order; compare what the two did before", peer,
      describe(theirs), rank, describe(ours));
}

}  // namespace muster::dist
