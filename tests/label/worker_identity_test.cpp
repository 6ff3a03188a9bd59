#include "label/worker_identity.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace muster::label {
namespace {

TEST(WorkerIdentity, SurvivesItsFileAndIsNotGoneWhileItsProcessLives) {
  const WorkerIdentity self = this_worker("-a");
  EXPECT_EQ(parse_worker(to_json(self)), self);
  EXPECT_FALSE(is_gone(self));
  EXPECT_EQ(self.name().find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"), std::string::npos);
  EXPECT_EQ(parse_worker(""), std::nullopt);
  EXPECT_EQ(parse_worker(to_json(self).substr(0, 20)), std::nullopt);
}

TEST(WorkerIdentity, IsGoneAfterItsProcessAndWhenAnotherHasItsNumber) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  WorkerIdentity other = this_worker();
  other.process = child;
  EXPECT_EQ(is_gone(other), sees_processes()) << "the process has this number, but started later";
  ::kill(child, SIGKILL);
  siginfo_t ended;
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(is_gone(other), sees_processes()) << "a zombie";
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(is_gone(other), sees_processes());
}

TEST(WorkerIdentity, OfAnotherMachineIsNeverCalledGone) {
  WorkerIdentity other = this_worker();
  other.process = 1 << 30;
  EXPECT_EQ(is_gone(other), sees_processes());
  other.domain = "another start of this machine";
  EXPECT_FALSE(is_gone(other));
  other = this_worker();
  other.process = 1 << 30;
  other.host = "another";
  EXPECT_FALSE(is_gone(other));
}

}  // namespace
}  // namespace muster::label
