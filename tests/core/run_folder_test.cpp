#include "core/run_folder.hpp"

#include <optional>

#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace muster {
namespace {

namespace fs = std::filesystem;

class RunFolderTest : public testing::Test {
 protected:
  ~RunFolderTest() override { fs::remove_all(folder_); }
  const fs::path folder_ = fs::temp_directory_path() / ("run_folder_test." + std::to_string(::getpid()));
};

TEST_F(RunFolderTest, IsHeldByOneProcessAtATime) {
  std::optional<RunFolder> first(std::in_place, folder_);
  EXPECT_THROW(RunFolder second(folder_), ConfigError);
  first.reset();
  EXPECT_NO_THROW(RunFolder third(folder_));
}

TEST_F(RunFolderTest, AKilledProcessLeavesNoLockBehind) {
  const pid_t child = ::fork();
  if (child == 0) {
    RunFolder held(folder_);
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_NO_THROW(RunFolder next(folder_));
}

TEST_F(RunFolderTest, ClearRemovesAllButTheLock) {
  RunFolder run(folder_);
  EXPECT_TRUE(run.is_empty());
  write_file_atomically(run.run_json(), "{}");
  EXPECT_TRUE(run.holds_run());
  EXPECT_FALSE(run.is_empty());
  run.clear();
  EXPECT_TRUE(run.is_empty());
}

}  // namespace
}  // namespace muster
