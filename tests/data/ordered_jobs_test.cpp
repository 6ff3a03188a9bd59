#include "data/ordered_jobs.hpp"

#include <atomic>
#include <chrono>
#include <numeric>
#include <stdexcept>

#include <gtest/gtest.h>

namespace muster::data {
namespace {

using Group = std::vector<int>;
using Jobs = OrderedJobs<Group>;

// Groups 0, 1, ... of `size` jobs up to `count`.
Jobs::Open counting(int count, std::size_t size) {
  return [count, size, next = 0]() mutable -> std::optional<Jobs::Opened> {
    if (next == count) {
      return std::nullopt;
    }
    return Jobs::Opened{.group = Group(size, 1000 * next++), .jobs = size};
  };
}

TEST(OrderedJobs, HandsGroupsOverInOrderWithEveryJobDoneOnce) {
  for (const int threads : {1, 2, 7}) {
    SCOPED_TRACE(threads);
    Jobs jobs(threads, 3, counting(40, 5), [](Group& group, std::size_t job) {
      if (job % 2 == 0) {
        std::this_thread::sleep_for(std::chrono::microseconds(50));
      }
      group[job] += static_cast<int>(job) + 1;
    });
    for (int g = 0; g < 40; ++g) {
      Group wanted(5, 1000 * g);
      for (int j = 0; j < 5; ++j) {
        wanted[static_cast<std::size_t>(j)] += j + 1;
      }
      EXPECT_EQ(jobs.pop(), wanted);
    }
    EXPECT_EQ(jobs.pop(), std::nullopt);
    EXPECT_EQ(jobs.pop(), std::nullopt);
  }
}

TEST(OrderedJobs, OpensNoMoreThanTheLookahead) {
  std::atomic<int> opened = 0;
  Jobs jobs(
      2, 3, [&opened]() -> std::optional<Jobs::Opened> { return Jobs::Opened{.group = Group{opened++}, .jobs = 1}; },
      [](Group&, std::size_t) {});
  for (int g = 0; g < 50; ++g) {
    EXPECT_EQ(jobs.pop(), Group{g});
    EXPECT_LE(opened, g + 1 + 3);
  }
}

TEST(OrderedJobs, ThrowsWhatTheFirstFailedJobThrewAgainAndAgain) {
  Jobs jobs(3, 2, counting(10, 4), [](Group& group, std::size_t job) {
    if (group[job] == 2000 && job >= 1) {
      throw std::runtime_error("job " + std::to_string(job));
    }
  });
  EXPECT_TRUE(jobs.pop());
  EXPECT_TRUE(jobs.pop());
  for (int call = 0; call < 3; ++call) {
    try {
      (void)jobs.pop();
      FAIL() << "nothing thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "job 1");
    }
  }
}

TEST(OrderedJobs, ThrowsWhatOpeningThrew) {
  Jobs jobs(
      2, 2, []() -> std::optional<Jobs::Opened> { throw std::runtime_error("no memory"); }, [](Group&, std::size_t) {});
  EXPECT_THROW((void)jobs.pop(), std::runtime_error);
}

TEST(OrderedJobs, GoesOnElsewhereAfterARestart) {
  int next = 0;
  Jobs jobs(
      4, 4, [&next]() -> std::optional<Jobs::Opened> { return Jobs::Opened{.group = Group(3, next++), .jobs = 3}; },
      [](Group& group, std::size_t job) {
        std::this_thread::sleep_for(std::chrono::microseconds(30));
        group[job] *= 2;
      });
  for (int round = 0; round < 30; ++round) {
    jobs.restart([&] { next = 100 * round; });
    EXPECT_EQ(jobs.pop(), Group(3, 200 * round));
    EXPECT_EQ(jobs.pop(), Group(3, 200 * round + 2));
  }
}

TEST(OrderedJobs, EndsWhileWorkIsInProgress) {
  std::atomic<int> begun = 0;
  std::atomic<int> ended = 0;
  {
    Jobs jobs(4, 8, counting(1000, 2), [&](Group&, std::size_t) {
      ++begun;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      ++ended;
    });
    (void)jobs.pop();
  }
  EXPECT_EQ(begun, ended);
}

TEST(WorkerThreads, TakesTheOptionOrTheAffinityMask) {
  EXPECT_EQ(worker_threads(5), 5);
  EXPECT_GE(worker_threads(0), 1);
  EXPECT_LE(worker_threads(0), static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace
}  // namespace muster::data
