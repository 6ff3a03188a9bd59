// Makes one shard of a plan, or takes over the one that an interrupted packing has finished.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "core/error.hpp"
#include "data/shard_writer.hpp"
#include "pack/encode_sample.hpp"
#include "pack/plan.hpp"

namespace muster::pack {

// SIGTERM or SIGUSR2 arrived: exit 75, the same command goes on behind the last finished shard.
using PackStopped = KindOfError<ExitCode::kComeBack, 2>;

struct ShardResult {
  data::ShardSummary summary;
  PixelSums sums;
  std::vector<SkippedFile> skipped;
  bool taken_over = false;
};

class ShardJobs {
 public:
  // What is the same for all shards of a split; the references must outlive this.
  ShardJobs(const SplitPlan& plan, const PackOptions& options, const DeclaredClasses& declared, data::ShardIdentity identity,
            std::filesystem::path folder);

  // Shard `number` of the plan. Samples are decoded by options.threads threads and stored in order; memory is one shard.
  // DataError of the first sample that fails, unless on_error=skip; UndeclaredValueError, OutputError, PackStopped.
  ShardResult run(std::uint32_t number) const;

 private:
  std::optional<ShardResult> take_over(std::uint32_t number) const;
  ShardResult make(std::uint32_t number) const;
  data::ShardIdentity identity_of(std::uint32_t number) const;

  const SplitPlan& plan_;
  const PackOptions& options_;
  const DeclaredClasses& declared_;
  PixelTable table_;
  data::ShardIdentity identity_;
  std::filesystem::path folder_;
};

}  // namespace muster::pack
