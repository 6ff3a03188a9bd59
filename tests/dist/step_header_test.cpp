#include "dist/step_header.hpp"

#include <cmath>
#include <cstdint>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "dist/thread_ranks.hpp"

namespace muster::dist {
namespace {

using testing::ElementsAre;

TEST(StepHeader, SumsAndNamesTheRankOfEachMaximum) {
  run_thread_ranks(4, [](Communicator& communicator) {
    const int rank = communicator.rank();
    PendingHeader pending = post_header(
        communicator, {.sums = {1.0, rank * 0.5}, .maxima = {double(rank % 3), 7.0, rank == 1 ? std::nan("") : 9.0}, .agree = 5});
    const Header header = pending.wait();
    EXPECT_THAT(header.sums, ElementsAre(4.0, 3.0));
    EXPECT_EQ(header.maxima[0], 2.0);
    EXPECT_EQ(header.maxima[1], 7.0);
    EXPECT_TRUE(std::isnan(header.maxima[2]));
    EXPECT_THAT(header.max_ranks, ElementsAre(2, 0, 1));
    EXPECT_TRUE(header.agreed);
    EXPECT_EQ(header.disagreeing_rank, -1);
  });
}

TEST(StepHeader, AddsInThePairTree) {
  run_thread_ranks(3, [](Communicator& communicator) {
    const double large = 9007199254740992.0;
    const Header header = post_header(communicator, {.sums = {communicator.rank() == 2 ? large : 1.0}, .maxima = {}}).wait();
    EXPECT_EQ(header.sums[0], large + 2);
  });
}

TEST(StepHeader, NamesWhoDisagrees) {
  const auto disagreeing = [](std::vector<std::uint64_t> hashes) {
    int named = -2;
    run_thread_ranks(static_cast<int>(hashes.size()), [&](Communicator& communicator) {
      const auto rank = static_cast<std::size_t>(communicator.rank());
      const Header header = post_header(communicator, {.sums = {}, .maxima = {}, .agree = hashes[rank]}).wait();
      EXPECT_EQ(header.agreed, header.disagreeing_rank < 0);
      if (rank == 0) {
        named = header.disagreeing_rank;
      }
    });
    return named;
  };
  const std::uint64_t signalling_nan = 0x7ff0000000000001;  // would change if it passed through a floating-point register
  EXPECT_EQ(disagreeing({signalling_nan, signalling_nan, signalling_nan}), -1);
  EXPECT_EQ(disagreeing({8, 9, 9}), 0);
  EXPECT_EQ(disagreeing({9, 9, 8}), 2);
  EXPECT_EQ(disagreeing({8, 9}), 1);
  EXPECT_EQ(disagreeing({1}), -1);
}

TEST(StepHeader, OfRanksWithDifferentListsIsAnError) {
  EXPECT_THROW(run_thread_ranks(2,
                                [](Communicator& communicator) {
                                  const std::vector<double> sums(static_cast<std::size_t>(communicator.rank()));
                                  post_header(communicator, {.sums = sums, .maxima = {}}).wait();
                                }),
               CommError);
}

}  // namespace
}  // namespace muster::dist
