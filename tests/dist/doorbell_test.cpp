#include "dist/doorbell.hpp"

#include <array>
#include <thread>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace muster::dist {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

TEST(Doorbells, LoseNoRingBetweenLookingAndSleeping) {
  std::array<Bell, 2> bells{};
  const Doorbells left(0, {&bells[0], &bells[1]}), right(1, {&bells[0], &bells[1]});
  // A ball that two players hand on by turns; a lost ring would cost ten seconds.
  std::atomic<int> ball = 0;
  const auto play = [&](const Doorbells& mine, int own, int other) {
    for (int round = 0; round < 2000; ++round) {
      while (true) {
        const std::uint32_t heard = mine.heard();
        if (ball.load() == own) {
          break;
        }
        mine.wait(heard, 10s);
      }
      ball = other;
      mine.ring(other);
    }
  };
  const auto begin = Clock::now();
  std::thread partner([&] { play(right, 1, 0); });
  play(left, 0, 1);
  partner.join();
  EXPECT_LT(Clock::now() - begin, 9s);
}

TEST(Doorbells, WakeAnotherProcess) {
  void* const memory = mmap(nullptr, 2 * sizeof(Bell), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* const bells = static_cast<Bell*>(memory);
  const pid_t child = fork();
  if (child == 0) {
    const Doorbells mine(1, {&bells[0], &bells[1]});
    while (bells[0].sleeping.load() == 0) {
      usleep(1000);
    }
    mine.ring(0);
    _exit(0);
  }
  const Doorbells mine(0, {&bells[0], &bells[1]});
  const auto begin = Clock::now();
  mine.wait(mine.heard(), 10s);
  EXPECT_LT(Clock::now() - begin, 9s);
  EXPECT_EQ(mine.heard(), 1U);
  waitpid(child, nullptr, 0);
  munmap(memory, 2 * sizeof(Bell));
}

TEST(Doorbells, AreSilentBetweenNodes) {
  Bell own{};
  const Doorbells mine(1, {nullptr, &own});
  EXPECT_FALSE(mine.reaches(0));
  EXPECT_TRUE(mine.reaches(1));
  mine.ring(0);
  const auto begin = Clock::now();
  mine.wait(mine.heard(), 20ms);
  EXPECT_GE(Clock::now() - begin, 20ms);
  mine.ring_own();
  mine.wait(0, 10s);  // has rung since
  EXPECT_LT(Clock::now() - begin, 9s);
  const Doorbells alone;
  EXPECT_FALSE(alone.reaches(0));
  alone.wait(alone.heard(), 1ms);
}

}  // namespace
}  // namespace muster::dist
