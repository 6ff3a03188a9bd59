// `muster pack`: folders of images and masks into shards.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "app/command.hpp"
#include "pack/pack.hpp"

namespace muster::app {
namespace {

constexpr const char* kPackUsage =
    "  muster pack RECIPE.yaml                                                   all splits of a recipe\n"
    "  muster pack task=semantic_segmentation images=DIR masks=DIR classes=FILE split=train out=DIR\n\n"
    "Example, from the top folder of the project:\n"
    "  launch/muster pack datasets/sample/pack.yaml\n\n"
    "Every image needs a mask of the same name. classes=FILE is JSON or YAML with `classes: {id: name}` and, optionally,\n"
    "`ignore_classes: [id]`; a pixel value that neither declares stops packing. The same call again goes on where it was cut off.\n";

ExitCode run_pack(const pack::PackOptions& options, const io::Value&, const Arguments&) {
  const pack::PackSummary summary = pack::pack(options);
  for (const std::string& notice : summary.notices) {
    spdlog::info("{}", notice);
  }
  for (const pack::PackedSplit& split : summary.splits) {
    if (split.was_there) {
      fmt::print("{:<6} {} samples were packed before from the same sources\n", split.name, split.samples);
      continue;
    }
    fmt::print("{:<6} {} samples in {} shard{}, {:.1f} MB{}, fingerprint {}\n", split.name, split.samples, split.shards, split.shards == 1 ? "" : "s",
               static_cast<double>(split.bytes) / 1e6, split.skipped == 0 ? "" : fmt::format(", {} left out (skipped.csv)", split.skipped),
               split.fingerprint);
  }
  fmt::print("packed {} classes into {}\n", summary.classes, summary.out.string());
  return ExitCode::kDone;
}

}  // namespace

Command pack_command() { return make_command<pack::PackOptions>("pack", "pack folders of images and masks into shards", kPackUsage, run_pack); }

}  // namespace muster::app
