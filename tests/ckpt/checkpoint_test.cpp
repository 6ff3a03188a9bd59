#include "ckpt/checkpoint.hpp"

#include <gtest/gtest.h>

#include "ckpt/commit.hpp"
#include "ckpt/state_file.hpp"
#include "ckpt/tiny_state.hpp"
#include "ckpt/writer.hpp"
#include "core/atomic_file.hpp"
#include "core/error.hpp"

namespace muster::ckpt {
namespace {

namespace fs = std::filesystem;

// What `world` ranks write together.
void write_as_ranks(const fs::path& folder, int world) {
  fs::create_directories(folder);
  Manifest manifest;
  std::vector<StoredFile> files;
  for (int rank = 0; rank < world; ++rank) {
    TinyState state(3, rank, world);
    if (rank == 0) {
      manifest = describe(state.view(), rank, world);
    }
    files.push_back(write_state_file(folder, state.view(), rank, world, {.run_id = "run-a", .step = 8}));
  }
  manifest.run_id = "run-a";
  manifest.step = 8;
  manifest.files = files;
  write_file_atomically(folder / kManifestName, to_json(manifest));
  write_file_atomically(folder / kCommitName, commit_text(to_json(manifest), "run-a", 8));
}

TEST(Checkpoint, GivesBackStateAndRecords) {
  const TemporaryFolder run;
  TinyState state(3);
  Writer(run.path(), "run-a").save(state.view(), 8);
  TinyState read;
  read.clear();
  const Checkpoint checkpoint = open_newest(run.path());
  checkpoint.load(read.view());
  EXPECT_TRUE(read.same_values(state));
  EXPECT_EQ(checkpoint.step(), 8);
  EXPECT_EQ(checkpoint.manifest().run_id, "run-a");
  EXPECT_EQ(checkpoint.record("sampler"), R"({"position":112})");
  EXPECT_THROW((void)checkpoint.record("loggers"), CheckpointError);
}

TEST(Checkpoint, IsReadByAnyNumberOfRanksWhateverTheWriters) {
  for (const int writers : {1, 2, 3, 5}) {
    const TemporaryFolder run;
    write_as_ranks(run.path() / "step-8", writers);
    for (const int readers : {1, 2, 4}) {
      for (int rank = 0; rank < readers; ++rank) {
        SCOPED_TRACE(testing::Message() << writers << " writers, rank " << rank << " of " << readers);
        TinyState wanted(3, rank, readers);
        TinyState read(3, rank, readers);
        read.clear();
        Checkpoint::open(run.path() / "step-8").load(read.view());
        EXPECT_TRUE(read.same_values(wanted));
      }
    }
  }
}

TEST(Checkpoint, GivesWeightsAloneToWhoWantsNoMore) {
  const TemporaryFolder run;
  TinyState state(3);
  Writer(run.path(), "run-a").save(state.view(), 8);
  TinyState read;
  read.clear();
  std::erase_if(read.view().entries, [](const StateEntry& entry) { return entry.kind != StateKind::kWeight; });
  const Checkpoint checkpoint = open_newest(run.path());
  EXPECT_THROW(checkpoint.load(read.view()), CheckpointError) << "a resumed run must know all of its state";
  checkpoint.load(read.view(), Coverage::kPart);
  EXPECT_EQ(read.memory("head/matrix#weight"), state.memory("head/matrix#weight"));
  EXPECT_EQ(read.memory("head/matrix#moment1")[0], -1.0F);
}

TEST(Checkpoint, RefusesAnotherModel) {
  const TemporaryFolder run;
  TinyState state;
  Writer(run.path(), "run-a").save(state.view(), 8);
  const Checkpoint checkpoint = open_newest(run.path());
  TinyState wider(0, 0, 1, 6);
  EXPECT_THROW(checkpoint.load(wider.view()), CheckpointError);

  TinyState renamed;
  renamed.view().layouts[0].pieces[0].tensor = "backbone.blocks.0.attn.kv.weight";
  EXPECT_THROW(checkpoint.load(renamed.view()), CheckpointError);

  TinyState doubles;
  doubles.view().entries[0].dtype = ScalarType::kF64;
  EXPECT_THROW(checkpoint.load(doubles.view()), CheckpointError);
}

TEST(Checkpoint, SaysWhenThereIsNone) {
  const TemporaryFolder run;
  EXPECT_FALSE(find_newest(run.path()).checkpoint);
  EXPECT_FALSE(find_newest(run.path() / "missing").checkpoint);
  EXPECT_THROW((void)open_newest(run.path()), CheckpointError);
}

TEST(Checkpoint, TakesTheOneBeforeADamagedOneAndNamesTheFile) {
  const TemporaryFolder run;
  Writer writer(run.path(), "run-a");
  TinyState state(3);
  writer.save(state.view(), 8);
  TinyState later(4);
  writer.save(later.view(), 16);
  fs::resize_file(run.path() / "step-16" / "shard-00000-of-00001.safetensors", 1000);
  const NewestCheckpoint newest = find_newest(run.path());
  ASSERT_TRUE(newest.checkpoint);
  EXPECT_EQ(newest.checkpoint->step(), 8);
  ASSERT_EQ(newest.damaged.size(), 1U);
  EXPECT_NE(newest.damaged[0].find("step-16/shard-00000-of-00001.safetensors has 1000 bytes"), std::string::npos) << newest.damaged[0];
}

TEST(Checkpoint, RefusesAFolderThatWasRenamed) {
  const TemporaryFolder run;
  TinyState state;
  Writer(run.path(), "run-a").save(state.view(), 8);
  fs::rename(run.path() / "step-8", run.path() / "step-80");
  EXPECT_FALSE(find_newest(run.path()).checkpoint);
}

TEST(Checkpoint, RefusesAStateFileOfAnotherStep) {
  const TemporaryFolder run;
  TinyState state;
  const StoredFile file = write_state_file(run.path(), state.view(), 0, 1, {.run_id = "run-a", .step = 8});
  EXPECT_NO_THROW(StateFile(run.path() / file.name, 0, 1, {.run_id = "run-a", .step = 8}));
  EXPECT_THROW(StateFile(run.path() / file.name, 0, 1, {.run_id = "run-a", .step = 9}), CheckpointError);
  EXPECT_THROW(StateFile(run.path() / file.name, 0, 1, {.run_id = "run-b", .step = 8}), CheckpointError);
}

}  // namespace
}  // namespace muster::ckpt
