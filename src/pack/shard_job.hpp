// Makes one shard of a plan, or takes over the one that an interrupted packing has finished.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "data/shard_writer.hpp"
#include "pack/encode_sample.hpp"
#include "pack/pack_progress.hpp"
#include "pack/plan.hpp"
#include "pack/wire.hpp"

namespace muster::pack {

struct ShardResult {
  data::ShardSummary summary;
  PixelSums sums;
  std::vector<SkippedFile> skipped;
  bool taken_over = false;
};

void put(WireWriter& wire, const ShardResult& result);
ShardResult shard_result_from(WireReader& wire);

class ShardJobs {
 public:
  // What is the same for all shards of a split; the references must outlive this.
  ShardJobs(const SplitPlan& plan, const PackOptions& options, data::ShardIdentity identity, std::filesystem::path folder,
            PackProgress& progress);

  std::size_t count() const noexcept { return plan_.num_shards(); }
  // Shard `number` of the plan. Samples are decoded by options.threads threads and stored in order; memory is one shard. `between` is
  // called between samples, and may throw. DataError of the first sample that fails, unless on_error=skip; UndeclaredValueError,
  // OutputError, PackStopped.
  ShardResult run(std::size_t number, const std::function<void()>& between) const;

 private:
  struct Item;
  using Step = std::function<void(Item&)>;
  void in_order(std::size_t number, const std::function<void()>& between, const Step& work, const Step& take) const;
  std::optional<ShardResult> take_over(std::size_t number) const;
  ShardResult make(std::size_t number, const std::function<void()>& between) const;
  data::ShardIdentity identity_of(std::size_t number) const;
  SkippedFile skipped_file(const Item& item) const;

  const SplitPlan& plan_;
  const PackOptions& options_;
  data::ShardIdentity identity_;
  std::filesystem::path folder_;
  PackProgress& progress_;
};

}  // namespace muster::pack
