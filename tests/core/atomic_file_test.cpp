#include "core/atomic_file.hpp"

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace muster {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class AtomicFileTest : public testing::Test {
 protected:
  AtomicFileTest() { fs::create_directories(folder_); }
  ~AtomicFileTest() override { fs::remove_all(folder_); }

  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      found.push_back(entry.path().filename());
    }
    return found;
  }

  const fs::path folder_ = fs::temp_directory_path() / ("atomic_file_test." + std::to_string(::getpid()));
};

TEST_F(AtomicFileTest, HasItsNameOnlyAfterCommit) {
  AtomicFile file(folder_ / "a");
  file.write("hello ");
  file.write("world");
  EXPECT_FALSE(fs::exists(folder_ / "a"));
  file.write_at(0, "J", 1);
  file.commit();
  EXPECT_EQ(read_file(folder_ / "a"), "Jello world");
  EXPECT_THAT(names(), testing::ElementsAre("a"));
}

TEST_F(AtomicFileTest, LeavesNothingAndKeepsTheOldFileWithoutCommit) {
  write_file_atomically(folder_ / "a", "old");
  { AtomicFile(folder_ / "a").write("new"); }
  EXPECT_EQ(read_file(folder_ / "a"), "old");
  EXPECT_THAT(names(), testing::ElementsAre("a"));
}

TEST_F(AtomicFileTest, NamesPathAndReasonWhenTheFolderIsMissing) {
  try {
    AtomicFile file(folder_ / "missing" / "a");
    FAIL() << "opened a file in a folder that does not exist";
  } catch (const OutputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("missing/a"));
    EXPECT_THAT(error.what(), HasSubstr("errno 2"));
  }
}

TEST_F(AtomicFileTest, SaysThatTheDiskIsFull) {
  if (!fs::exists("/dev/full")) {
    FAIL() << "this test needs /dev/full";
  }
  fs::create_symlink("/dev/full", folder_ / ("a.tmp." + std::to_string(::getpid())));  // where AtomicFile writes
  AtomicFile file(folder_ / "a");
  try {
    file.write("x");
    FAIL() << "wrote to a full device";
  } catch (const OutputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("No space left on device"));
    EXPECT_EQ(error.code(), ExitCode::kData);
  }
}

TEST_F(AtomicFileTest, ReplacesASymlinkInOneStep) {
  replace_symlink(folder_ / "last", "step-1");
  replace_symlink(folder_ / "last", "step-2");
  EXPECT_EQ(fs::read_symlink(folder_ / "last"), "step-2");
}

}  // namespace
}  // namespace muster
