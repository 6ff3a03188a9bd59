#include "report/metrics_file.hpp"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "support/temporary_folder.hpp"

namespace muster::report {
namespace {

Record record_of(std::int64_t step, double loss) {
  return {.step = step, .epoch = 0.5, .values = {{"loss", loss}, {"lr", 1e-3}}};
}

TEST(MetricsFile, WritesOneObjectALineInTheOrderOfTheRecord) {
  const testing_support::TemporaryFolder folder;
  MetricsFile file(folder.path() / "metrics.jsonl");
  file.write(record_of(1, 2.25));
  EXPECT_EQ(read_file(folder.path() / "metrics.jsonl"), "{\"step\":1,\"epoch\":0.5,\"loss\":2.25,\"lr\":0.001}\n");
  file.write(record_of(2, 2.0));
  EXPECT_EQ(read_file(folder.path() / "metrics.jsonl"),
            "{\"step\":1,\"epoch\":0.5,\"loss\":2.25,\"lr\":0.001}\n{\"step\":2,\"epoch\":0.5,\"loss\":2.0,\"lr\":0.001}\n");
}

TEST(MetricsFile, WritesNullForAValueThatIsNotFinite) {
  const testing_support::TemporaryFolder folder;
  MetricsFile(folder.path() / "metrics.jsonl").write(record_of(1, std::numeric_limits<double>::quiet_NaN()));
  EXPECT_THAT(read_file(folder.path() / "metrics.jsonl"), testing::HasSubstr("\"loss\":null"));
}

TEST(MetricsFile, SaysThatTheDiskIsFull) {
  MetricsFile file("/dev/full");
  EXPECT_THROW(file.write(record_of(1, 1.0)), OutputError);
}

TEST(TruncateMetrics, KeepsTheStepsUpToTheCheckpointAndDropsALineThatWasCutOff) {
  const testing_support::TemporaryFolder folder;
  const auto path = folder.path() / "metrics.jsonl";
  MetricsFile file(path);
  for (std::int64_t step = 1; step <= 3; ++step) {
    file.write(record_of(step, 1.0));
  }
  const std::string three_lines = read_file(path);
  write_file_atomically(path, three_lines + "{\"step\":4,\"epo");

  truncate_metrics_after(path, 10);
  EXPECT_EQ(read_file(path), three_lines);
  truncate_metrics_after(path, 2);
  EXPECT_EQ(read_file(path), three_lines.substr(0, three_lines.find("{\"step\":3")));
  truncate_metrics_after(path, 0);
  EXPECT_EQ(read_file(path), "");
}

TEST(TruncateMetrics, DropsALineThatIsNoRecord) {
  const testing_support::TemporaryFolder folder;
  const auto path = folder.path() / "metrics.jsonl";
  write_file_atomically(path, "{\"step\":1}\nnonsense\n{\"loss\":2.0}\n{\"step\":2}\n");
  truncate_metrics_after(path, 5);
  EXPECT_EQ(read_file(path), "{\"step\":1}\n{\"step\":2}\n");
}

TEST(TruncateMetrics, DoesNothingWithoutAFile) {
  const testing_support::TemporaryFolder folder;
  truncate_metrics_after(folder.path() / "metrics.jsonl", 3);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "metrics.jsonl"));
}

}  // namespace
}  // namespace muster::report
