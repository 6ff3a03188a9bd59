#include "dist/launch_environment.hpp"

#include <array>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace muster::dist {
namespace {

using Variables = std::map<std::string, std::string>;

LaunchEnvironment detect(const Variables& variables) {
  return detect_launch([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

std::string error_of(const Variables& variables) {
  try {
    detect(variables);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

TEST(LaunchEnvironment, WithoutALauncherIsOneRank) {
  const LaunchEnvironment e = detect({});
  EXPECT_EQ(e.launcher, "none");
  EXPECT_EQ(e.rank, 0);
  EXPECT_EQ(e.world, 1);
  EXPECT_EQ(e.notice, "");
}

TEST(LaunchEnvironment, ReadsMpirun) {
  const LaunchEnvironment e = detect({{"OMPI_COMM_WORLD_RANK", "5"},
                                      {"OMPI_COMM_WORLD_SIZE", "8"},
                                      {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                                      {"OMPI_COMM_WORLD_LOCAL_SIZE", "4"},
                                      {"PMIX_RANK", "5"}});
  EXPECT_EQ(e.launcher, "mpirun");
  EXPECT_EQ(e.rank, 5);
  EXPECT_EQ(e.world, 8);
  EXPECT_EQ(e.local_rank, 1);
  EXPECT_EQ(e.local_world, 4);
}

TEST(LaunchEnvironment, TakesMpirunBeforeTheSlurmStepThatStartedItsDaemon) {
  const LaunchEnvironment e = detect({{"OMPI_COMM_WORLD_RANK", "1"},
                                      {"OMPI_COMM_WORLD_SIZE", "2"},
                                      {"SLURM_JOB_ID", "7"},
                                      {"SLURM_STEP_ID", "0"},
                                      {"SLURM_STEP_NUM_TASKS", "4"},
                                      {"SLURM_PROCID", "3"}});
  EXPECT_EQ(e.launcher, "mpirun");
  EXPECT_EQ(e.world, 2);
}

TEST(LaunchEnvironment, ReadsSrunWithPmix) {
  const LaunchEnvironment e = detect({{"SLURM_JOB_ID", "7"},
                                      {"SLURM_STEP_ID", "0"},
                                      {"SLURM_STEP_NUM_TASKS", "6"},
                                      {"SLURM_NTASKS", "6"},
                                      {"SLURM_PROCID", "5"},
                                      {"SLURM_LOCALID", "1"},
                                      {"SLURM_NODEID", "2"},
                                      {"PMIX_RANK", "5"}});
  EXPECT_EQ(e.launcher, "srun");
  EXPECT_EQ(e.rank, 5);
  EXPECT_EQ(e.world, 6);
  EXPECT_EQ(e.local_rank, 1);
  EXPECT_EQ(e.node, 2);
}

TEST(LaunchEnvironment, RefusesSrunWithoutAMatchingPmi) {
  for (const Variables& variables : {Variables{{"SLURM_NTASKS", "4"}}, Variables{{"SLURM_NTASKS", "4"}, {"SLURM_PROCID", "1"}},
                                     Variables{{"SLURM_JOB_ID", "7"}, {"SLURM_STEP_ID", "0"}, {"SLURM_STEP_NUM_TASKS", "4"}},
                                     Variables{{"SLURM_NTASKS", "4"}, {"PMI_RANK", "1"}}}) {
    const std::string text = error_of(variables);
    EXPECT_THAT(text, testing::HasSubstr("SLURM started 4 tasks"));
    EXPECT_THAT(text, testing::HasSubstr("srun --mpi=pmix"));
    EXPECT_THAT(text, testing::HasSubstr("launch/muster -n 4"));
  }
}

TEST(LaunchEnvironment, IsOneRankForATaskAloneAndInABatchScript) {
  const LaunchEnvironment task =
      detect({{"SLURM_JOB_ID", "7"}, {"SLURM_STEP_ID", "0"}, {"SLURM_STEP_NUM_TASKS", "1"}, {"SLURM_NTASKS", "1"}});
  EXPECT_EQ(task.world, 1);
  EXPECT_EQ(task.notice, "");
  const LaunchEnvironment script = detect({{"SLURM_JOB_ID", "7"}, {"SLURM_NTASKS", "8"}, {"SLURM_PROCID", "0"}});
  EXPECT_EQ(script.world, 1);
  EXPECT_THAT(script.notice, testing::HasSubstr("8 tasks"));
}

TEST(LaunchEnvironment, RefusesNumbersThatDoNotFit) {
  const Variables good{{"OMPI_COMM_WORLD_RANK", "1"}, {"OMPI_COMM_WORLD_SIZE", "2"}};
  EXPECT_EQ(error_of(good), "no error");
  for (const auto& [name, value] : Variables{{"OMPI_COMM_WORLD_RANK", "2"},
                                             {"OMPI_COMM_WORLD_SIZE", "two"},
                                             {"OMPI_COMM_WORLD_LOCAL_RANK", "-1"},
                                             {"OMPI_COMM_WORLD_LOCAL_SIZE", "3"}}) {
    Variables bad = good;
    bad[name] = value;
    EXPECT_THAT(error_of(bad), testing::HasSubstr("launch/muster -n")) << name << "=" << value;
  }
  EXPECT_NE(error_of({{"OMPI_COMM_WORLD_SIZE", "2"}}), "no error");
}

TEST(LaunchEnvironment, CountsNodesByTheHostsOfAllRanks) {
  const std::vector<std::string> hosts{"b", "b", "a", "b", "c", "a"};
  const std::vector<std::array<int, 3>> expected{{0, 0, 3}, {0, 1, 3}, {1, 0, 2},
                                                 {0, 2, 3}, {2, 0, 1}, {1, 1, 2}};  // node, local rank, local world
  for (int rank = 0; rank < 6; ++rank) {
    LaunchEnvironment e{.rank = rank, .world = 6, .notice = {}};
    place_on_nodes(e, hosts);
    EXPECT_EQ((std::array{e.node, e.local_rank, e.local_world}), expected[static_cast<std::size_t>(rank)]) << "rank " << rank;
  }
}

TEST(LaunchEnvironment, OfThisProcessKnowsItsHost) {
  EXPECT_NE(detect_launch().host, "");
}

}  // namespace
}  // namespace muster::dist
