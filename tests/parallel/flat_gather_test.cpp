#include "parallel/flat_gather.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/flat_layout.hpp"
#include "dist/thread_ranks.hpp"

namespace muster::parallel {
namespace {

TEST(FlatGather, PutsTheShardsOfAllRanksTogether) {
  for (const std::int64_t numel : {1, 63, 64, 65, 400, 1000}) {
    for (const int world : {1, 2, 3, 4}) {
      const at::Tensor wanted = at::arange(numel, at::kDouble);
      dist::run_thread_ranks(world, [&](dist::Communicator& ranks) {
        const FlatShard mine = flat_shard(numel, ranks.rank(), world);
        at::Tensor flat = at::full({numel}, -1.0, at::kDouble);
        flat.slice(0, mine.begin, mine.end).copy_(wanted.slice(0, mine.begin, mine.end));
        gather_shards(flat, ranks);
        EXPECT_TRUE(flat.equal(wanted)) << numel << " elements, rank " << ranks.rank() << " of " << world;
      });
    }
  }
}

}  // namespace
}  // namespace muster::parallel
