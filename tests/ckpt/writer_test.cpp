#include "ckpt/writer.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "ckpt/checkpoint.hpp"
#include "ckpt/folders.hpp"
#include "ckpt/tiny_state.hpp"
#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "core/hash.hpp"
#include "io/safetensors.hpp"

namespace muster::ckpt {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& each : fs::directory_iterator(folder)) {
    names.push_back(each.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST(Writer, LeavesAFolderWithStateManifestAndCommit) {
  const TemporaryFolder run;
  TinyState state;
  const SavedCheckpoint saved = Writer(run.path() / "checkpoints", "run-a").save(state.view(), 40);
  EXPECT_EQ(saved.folder, run.path() / "checkpoints" / "step-40");
  EXPECT_EQ(names_in(run.path() / "checkpoints"), (std::vector<std::string>{"last", "step-40"}));
  EXPECT_EQ(names_in(saved.folder), (std::vector<std::string>{"COMMIT", "manifest.json", "shard-00000-of-00001.safetensors"}));
  EXPECT_EQ(fs::read_symlink(run.path() / "checkpoints" / "last"), "step-40");
  EXPECT_EQ(read_file(saved.folder / "COMMIT"), "{\"manifest_xxh3_128\": \"" + xxh3_128_hex(read_file(saved.folder / "manifest.json")) +
                                                    "\", \"run_id\": \"run-a\", \"step\": 40}\n");
}

TEST(Writer, WritesSegmentsAsOneDimensionalSafetensors) {
  const TemporaryFolder run;
  TinyState state;
  const SavedCheckpoint saved = Writer(run.path(), "run-a").save(state.view(), 1);
  const io::SafetensorsFile file(saved.folder / "shard-00000-of-00001.safetensors");
  EXPECT_EQ(file.tensors().size(), state.view().entries.size());
  EXPECT_EQ(file.info("blocks.0/matrix#moment1").shape, (std::vector<std::int64_t>{242}));
  std::vector<float> values(242);
  file.read("blocks.0/matrix#moment1", values.data());
  EXPECT_EQ(values, state.memory("blocks.0/matrix#moment1"));
  EXPECT_EQ(saved.bytes, fs::file_size(saved.folder / "shard-00000-of-00001.safetensors"));
}

TEST(Writer, KeepsTheNewestAndTheBest) {
  const TemporaryFolder run;
  TinyState state;
  Writer writer(run.path(), "run-a");
  for (const std::int64_t step : {10, 20, 30, 40}) {
    writer.save(state.view(), step);
  }
  writer.mark_best(10);
  EXPECT_EQ(writer.prune(2, 10), (std::vector<std::int64_t>{20}));
  EXPECT_EQ(names_in(run.path()), (std::vector<std::string>{"best", "last", "step-10", "step-30", "step-40"}));
  EXPECT_EQ(fs::read_symlink(run.path() / "best"), "step-10");
}

TEST(Writer, CountsCompleteCheckpointsOnlyWhenItPrunes) {
  const TemporaryFolder run;
  TinyState state;
  Writer writer(run.path(), "run-a");
  for (const std::int64_t step : {10, 20, 30}) {
    writer.save(state.view(), step);
  }
  fs::remove(run.path() / "step-30" / "COMMIT");
  EXPECT_TRUE(writer.prune(2, std::nullopt).empty()) << "10 and 20 are the two that are complete";
  EXPECT_TRUE(fs::exists(run.path() / "step-30"));
}

TEST(Writer, PutsAnUnreadableFolderInTheWayAside) {
  const TemporaryFolder run;
  TinyState state;
  Writer writer(run.path(), "run-a");
  for (const std::string aside : {"step-5.bad-0", "step-5.bad-1"}) {
    fs::create_directories(run.path() / "step-5");
    std::ofstream(run.path() / "step-5" / "half.safetensors") << "torn";
    writer.save(state.view(), 5);
    EXPECT_TRUE(fs::exists(run.path() / aside / "half.safetensors")) << aside;
    EXPECT_EQ(Checkpoint::open(run.path() / "step-5").step(), 5);
    fs::remove_all(run.path() / "step-5");
  }
}

TEST(Writer, ReplacesACompleteCheckpointOfTheSameStep) {
  const TemporaryFolder run;
  Writer writer(run.path(), "run-a");
  TinyState first(1);
  TinyState second(2);
  writer.save(first.view(), 5);
  writer.save(second.view(), 5);
  EXPECT_EQ(names_in(run.path()), (std::vector<std::string>{"last", "step-5"}));
  TinyState read;
  Checkpoint::open(run.path() / "step-5").load(read.view());
  EXPECT_TRUE(read.same_values(second));
}

TEST(Writer, RemovesWhatAKilledAttemptLeft) {
  const TemporaryFolder run;
  fs::create_directories(run.path() / "step-9.tmp-0");
  std::ofstream(run.path() / "step-9.tmp-0" / "half.safetensors") << "torn";
  const Writer writer(run.path(), "run-a", 1);
  EXPECT_TRUE(names_in(run.path()).empty());
}

TEST(Folders, ReadStepsFromExactNamesOnly) {
  EXPECT_EQ(step_of("step-40"), 40);
  EXPECT_EQ(step_of("step-0"), 0);
  for (const char* name :
       {"step-", "step-040", "step--1", "step-40.tmp-0", "step-40.bad-0", "last", "step-4x", "step-99999999999999999999"}) {
    EXPECT_FALSE(step_of(name)) << name;
  }
}

TEST(Folders, ListStepsNewestFirstPastWhatIsNoFolder) {
  const TemporaryFolder run;
  for (const char* name : {"step-9", "step-10", "step-8.tmp-0"}) {
    fs::create_directories(run.path() / name);
  }
  fs::create_directory_symlink("nowhere", run.path() / "step-11");
  std::ofstream(run.path() / "step-12") << "a file";
  EXPECT_EQ(listed_steps(run.path()), (std::vector<std::int64_t>{10, 9}));
}

}  // namespace
}  // namespace muster::ckpt
