#include "report/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "report/host_name.hpp"
#include "support/temporary_folder.hpp"

namespace muster::report {
namespace {

TEST(Log, WritesTheRankInEveryLineOfTheFileAndPlainSentencesOnTheConsole) {
  const testing_support::TemporaryFolder folder;
  testing::internal::CaptureStderr();
  init_logging(folder.path());
  spdlog::info("weights: random (seed 7)");
  spdlog::warn("a warning");
  log_to_file("only in the file");
  close_logging();
  spdlog::info("after the end");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "weights: random (seed 7)\nwarning: a warning\nafter the end\n");

  const std::string text = read_file(folder.path() / "train.log");
  const std::string time = R"([0-9-]+ [0-9:.]+)";
  EXPECT_THAT(text, testing::MatchesRegex(time + " rank 0 info: weights: random \\(seed 7\\)\n" + time + " rank 0 warning: a warning\n" +
                                          time + " rank 0 info: only in the file\n"));
}

TEST(Log, AppendsWhenTheSameRunGoesOn) {
  const testing_support::TemporaryFolder folder;
  testing::internal::CaptureStderr();
  for (const char* text : {"first start", "second start"}) {
    init_logging(folder.path());
    spdlog::info(text);
    close_logging();
  }
  testing::internal::GetCapturedStderr();
  EXPECT_THAT(read_file(folder.path() / "train.log"),
              testing::AllOf(testing::HasSubstr("first start"), testing::HasSubstr("second start")));
}

TEST(Log, KeepsOnlyWarningsOfOtherRanksInAFileOfTheirNode) {
  const testing_support::TemporaryFolder folder;
  testing::internal::CaptureStderr();
  init_logging(folder.path(), 3);
  spdlog::info("nothing");
  spdlog::warn("slow disk");
  close_logging();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "rank 3: warning: slow disk\n");
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "train.log"));
  EXPECT_THAT(read_file(folder.path() / ("warnings." + host_name() + ".log")), testing::HasSubstr("rank 3 warning: slow disk\n"));
}

TEST(Log, SaysWhichFileItCannotOpen) {
  const testing_support::TemporaryFolder folder;
  write_file_atomically(folder.path() / "file", "");
  try {
    init_logging(folder.path() / "file");
    FAIL() << "a file was taken for a folder";
  } catch (const OutputError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("file/train.log"));
  }
  close_logging();
}

}  // namespace
}  // namespace muster::report
