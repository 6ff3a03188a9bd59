#include "core/stop_flags.hpp"

#include <csignal>

#include <gtest/gtest.h>

namespace muster {
namespace {

TEST(StopFlags, ASignalIsRememberedAndTheProcessGoesOn) {
  install_stop_handlers();
  ASSERT_EQ(requested_stop(), 0);
  std::raise(SIGUSR2);
  EXPECT_EQ(requested_stop(), SIGUSR2);
  std::raise(SIGTERM);
  EXPECT_EQ(requested_stop(), SIGTERM);
}

}  // namespace
}  // namespace muster
