// A process that is killed in any phase of a save leaves the checkpoints before it valid, and the next start goes on.
#include "ckpt/writer.hpp"

#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "ckpt/checkpoint.hpp"
#include "ckpt/folders.hpp"
#include "ckpt/tiny_state.hpp"

namespace muster::ckpt {
namespace {

constexpr SavePhase kPhases[] = {SavePhase::kStarted,   SavePhase::kStateWritten,  SavePhase::kManifestWritten,
                                 SavePhase::kCommitted, SavePhase::kMovedOldAside, SavePhase::kRenamed};

// Saves in a child process that kills itself, without any clean-up, when it reaches `phase`.
void save_and_die(const std::filesystem::path& folder, std::int64_t step, float values, SavePhase phase) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    TinyState state(values);
    Writer writer(folder, "run-a");
    writer.on_phase([phase](SavePhase reached) {
      if (reached == phase) {
        ::kill(::getpid(), SIGKILL);
      }
    });
    writer.save(state.view(), step);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the child was to die in phase " << static_cast<int>(phase);
}

class KilledSave : public testing::TestWithParam<SavePhase> {};

TEST_P(KilledSave, LeavesTheCheckpointBefore) {
  const TemporaryFolder run;
  TinyState before(1);
  Writer(run.path(), "run-a").save(before.view(), 10);
  save_and_die(run.path(), 20, 2, GetParam());

  const bool arrived = GetParam() == SavePhase::kRenamed;
  const NewestCheckpoint newest = find_newest(run.path());
  ASSERT_TRUE(newest.checkpoint);
  EXPECT_EQ(newest.checkpoint->step(), arrived ? 20 : 10);
  EXPECT_TRUE(newest.damaged.empty()) << "an unfinished folder never bears a step's name";

  TinyState read;
  newest.checkpoint->load(read.view());
  EXPECT_TRUE(read.same_values(arrived ? TinyState(2) : before));

  TinyState again(3);
  Writer(run.path(), "run-a", 1).save(again.view(), 20);
  open_newest(run.path()).load(read.view());
  EXPECT_TRUE(read.same_values(again));
  EXPECT_EQ(remove_leftovers(run.path()), 0) << "the next start cleared up";
}

TEST_P(KilledSave, LosesNothingWhenTheSameStepIsSavedAgain) {
  const TemporaryFolder run;
  TinyState before(1);
  Writer(run.path(), "run-a").save(before.view(), 20);
  save_and_die(run.path(), 20, 2, GetParam());
  const Writer next_start(run.path(), "run-a", 1);
  TinyState read;
  open_newest(run.path()).load(read.view());
  EXPECT_TRUE(read.same_values(GetParam() == SavePhase::kRenamed ? TinyState(2) : before));
}

INSTANTIATE_TEST_SUITE_P(InEveryPhase, KilledSave, testing::ValuesIn(kPhases),
                         [](const auto& chosen) { return std::to_string(static_cast<int>(chosen.param)); });

}  // namespace
}  // namespace muster::ckpt
