#include "report/reporter.hpp"

#include <algorithm>
#include <csignal>

#include <sys/resource.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "report/log.hpp"
#include "support/temporary_folder.hpp"

namespace muster::report {
namespace {

namespace fs = std::filesystem;

Record record_of(std::int64_t step) {
  return {.step = step, .epoch = 1.0, .values = {{"loss", 1.0}}};
}

std::int64_t lines_in(const fs::path& path) {
  const std::string text = read_file(path);
  return std::count(text.begin(), text.end(), '\n');
}

bool has_event_file(const fs::path& folder) {
  return std::any_of(fs::directory_iterator(folder), fs::directory_iterator(),
                     [](const fs::directory_entry& entry) { return entry.path().filename().string().starts_with("events.out.tfevents."); });
}

// stderr is no terminal while it is captured.
class ReporterTest : public testing::Test {
 protected:
  ReporterTest() {
    testing::internal::CaptureStderr();
    init_logging(folder_.path());
  }
  ~ReporterTest() override { console(); }

  std::string console() {
    if (!std::exchange(captured_, true)) {
      close_logging();
      console_ = testing::internal::GetCapturedStderr();
    }
    return console_;
  }

  testing_support::TemporaryFolder folder_;
  bool captured_ = false;
  std::string console_;
};

TEST_F(ReporterTest, WritesTheSameRecordsToEveryFileAndTheConsole) {
  {
    Reporter reporter({.log_every_num_steps = 4}, {.folder = folder_.path(), .total_steps = 9});
    for (std::int64_t step = 1; step <= 9; ++step) {
      reporter.step(record_of(step));
    }
    reporter.validation({.step = 9, .epoch = 1.0, .values = {{"val_metric/miou", 0.5}}});
  }
  EXPECT_EQ(lines_in(folder_.path() / "metrics.jsonl"), 7);  // steps 1 2 4 5 8 9, validation
  EXPECT_EQ(lines_in(folder_.path() / "train.log"), 7);
  EXPECT_TRUE(has_event_file(folder_.path()));
  EXPECT_THAT(console(), testing::StartsWith("step 1/9  epoch 1.00  loss 1\nstep 2/9"));
  EXPECT_THAT(console(), testing::EndsWith("step 9/9  epoch 1.00  loss 1\nvalidation after step 9: val_metric/miou 0.5\n"));
}

TEST_F(ReporterTest, WritesNoEventFileWhenTensorboardIsNull) {
  Reporter({.tensorboard = std::nullopt}, {.folder = folder_.path(), .total_steps = 1}).step(record_of(1));
  EXPECT_FALSE(has_event_file(folder_.path()));
  EXPECT_EQ(lines_in(folder_.path() / "metrics.jsonl"), 1);
}

TEST_F(ReporterTest, ShowsProgressOfAValidationAtItsInterval) {
  Reporter reporter({.val_log_every_num_steps = 2}, {.folder = folder_.path(), .total_steps = 1});
  for (std::int64_t batch = 1; batch <= 5; ++batch) {
    reporter.progress("val", batch, 5);
  }
  EXPECT_EQ(console(), "val 2/5\nval 4/5\nval 5/5\n");
}

TEST_F(ReporterTest, WritesEachStepOnceWhenTheRunIsResumed) {
  {
    Reporter first({.log_every_num_steps = 1}, {.folder = folder_.path(), .total_steps = 9});
    for (std::int64_t step = 1; step <= 7; ++step) {
      first.step(record_of(step));
    }
  }
  Reporter second({.log_every_num_steps = 1}, {.folder = folder_.path(), .total_steps = 9, .resumed_after = 5});
  for (std::int64_t step = 6; step <= 9; ++step) {
    second.step(record_of(step));
  }
  EXPECT_EQ(lines_in(folder_.path() / "metrics.jsonl"), 9);
}

TEST_F(ReporterTest, GoesOnWhenADiskIsFullAndLeavesWholeLines) {
  Reporter reporter({.tensorboard = false, .log_every_num_steps = 1}, {.folder = folder_.path(), .total_steps = 9});
  reporter.step(record_of(1));
  // A limit of the file size stands for the full disk: the second line fits only in part, as on a real one.
  rlimit unlimited{};
  getrlimit(RLIMIT_FSIZE, &unlimited);
  const rlimit small{.rlim_cur = fs::file_size(folder_.path() / "metrics.jsonl") + 10, .rlim_max = unlimited.rlim_max};
  const auto previous = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  EXPECT_NO_THROW(reporter.step(record_of(2)));
  EXPECT_NO_THROW(reporter.step(record_of(3)));
  setrlimit(RLIMIT_FSIZE, &unlimited);
  std::signal(SIGXFSZ, previous);
  reporter.step(record_of(4));

  const std::string line = R"({"step":1,"epoch":1.0,"loss":1.0})";
  EXPECT_EQ(read_file(folder_.path() / "metrics.jsonl"), line + "\n" + R"({"step":4,"epoch":1.0,"loss":1.0})" + "\n");
}

}  // namespace
}  // namespace muster::report
