// `muster pack`: folders of images and their masks or labels into shards.
#include <cstdio>
#include <exception>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "app/command.hpp"
#include "dist/session.hpp"
#include "pack/pack.hpp"
#include "pack/source_keys.hpp"
#include "pack/verify_findings.hpp"  // printable()

namespace muster::app {
namespace {

constexpr const char* kPackUsage =
    "  muster pack RECIPE.yaml                                                   all splits of a recipe\n"
    "  muster pack task=semantic_segmentation images=DIR masks=DIR classes=FILE split=train out=DIR\n"
    "  muster pack task=panoptic_segmentation images=DIR masks=DIR annotations=FILE.json split=train out=DIR\n"
    "  muster pack task=image_classification images=DIR split=train out=DIR      or csv=FILE instead of images\n"
    "  muster pack task=pretrain images=DIR out=DIR\n\n"
    "Examples, from the top folder of the project:\n"
    "  launch/muster pack datasets/sample/pack.yaml\n"
    "  launch/muster -n 3 pack datasets/sample/pack.yaml out=runs/again     on three ranks: the same bytes\n"
    "  launch/muster pack datasets/sample/pack.yaml --dry-run [--json]      looks at the sources, writes nothing\n\n"
    "Every image needs a mask of the same name, or a label. classes=FILE is JSON or YAML with `classes: {id: name}` and, optionally,\n"
    "`ignore_classes: [id]`; a pixel value that neither declares stops packing. The same call again goes on where it was cut off;\n"
    "append=true adds images that are new. Ends with 3 when the sources have problems, and then leaves nothing behind.\n";

io::Value summary_tree(const pack::PackSummary& summary) {
  io::Value splits = io::Value::map();
  for (const pack::PackedSplit& split : summary.splits) {
    splits.set(split.name, io::Value::map({{"samples", std::uint64_t{split.samples}},
                                           {"shards", std::uint64_t{split.shards}},
                                           {"bytes", split.bytes},
                                           {"added", std::uint64_t{split.added}},
                                           {"taken_over", std::uint64_t{split.taken_over}},
                                           {"skipped", std::uint64_t{split.skipped}},
                                           {"fingerprint", split.fingerprint},
                                           {"was_there", split.was_there}}));
  }
  return io::Value::map({{"out", summary.out.string()}, {"classes", std::uint64_t{summary.classes}}, {"splits", std::move(splits)}});
}

void print_split(const pack::PackedSplit& split) {
  if (split.was_there) {
    fmt::print("{:<6} {} samples were packed before from the same sources, nothing to add\n", split.name, split.samples);
    return;
  }
  std::string more;
  more += split.added == 0 ? "" : fmt::format(", {} of them new", split.added);
  more += split.skipped == 0 ? "" : fmt::format(", {} left out (skipped.csv)", split.skipped);
  fmt::print("{:<6} {} samples in {} shard{}, {:.1f} MB{}, fingerprint {}\n", split.name, split.samples, split.shards,
             split.shards == 1 ? "" : "s", static_cast<double>(split.bytes) / 1e6, more, split.fingerprint);
}

void say_notices(const std::vector<std::string>& notices) {
  for (const std::string& notice : notices) {
    spdlog::info("{}", notice);
  }
}

// What the pre-flight saw is told in any case; null where it was not reached. The error itself goes to main().
void print_failure(const pack::PackOptions& options, const std::string& error, io::Value preflight) {
  fmt::print("{}\n",
             io::to_json(io::Value::map({{"out", options.out}, {"error", pack::printable(error)}, {"preflight", std::move(preflight)}})));
  std::fflush(stdout);
}

// Looks, tells, and ends as packing would, with nothing written.
ExitCode look_only(const pack::PackOptions& options, const Arguments& arguments, bool first_rank) {
  const pack::PreflightReport report = pack::preflight(options, arguments.session->world());
  if (first_rank) {
    fmt::print("{}", arguments.json ? io::to_json(pack::report_tree(report, options)) + "\n" : pack::report_text(report, true));
    std::fflush(stdout);
    say_notices(report.notices);
  }
  report.throw_if_bad(options);
  return ExitCode::kDone;
}

ExitCode run_pack(const pack::PackOptions& given, const io::Value&, const Arguments& arguments) {
  pack::PackOptions options = given;
  options.threads = options.threads > 0 ? options.threads : at::get_num_threads();  // this rank's share of the processors
  const bool first_rank = arguments.session->world().rank() == 0;
  if (arguments.dry_run) {
    return look_only(options, arguments, first_rank);
  }
  io::Value preflight;
  const auto show = [&](const pack::PreflightReport& report) {
    if (first_rank && arguments.json) {
      preflight = pack::report_tree(report, options);
    } else if (first_rank) {
      fmt::print("{}", pack::report_text(report, false));
      std::fflush(stdout);
    }
  };
  pack::PackSummary summary;
  try {
    summary = pack::pack(options, arguments.session->world(), show);
  } catch (const std::exception& error) {
    if (first_rank && arguments.json) {
      print_failure(options, error.what(), std::move(preflight));
    }
    throw;
  }
  if (!first_rank) {
    return ExitCode::kDone;
  }
  say_notices(summary.notices);
  if (arguments.json) {
    io::Value tree = summary_tree(summary);
    tree.set("preflight", std::move(preflight));
    fmt::print("{}\n", io::to_json(tree));
    return ExitCode::kDone;
  }
  for (const pack::PackedSplit& split : summary.splits) {
    print_split(split);
  }
  const std::string rate = summary.packed.files == 0 ? "" : pack::rate_text(summary.packed, summary.packing_s);
  fmt::print("packed {} classes into {}{}\n", summary.classes, summary.out.string(), rate.empty() ? "" : ", " + rate);
  return ExitCode::kDone;
}

}  // namespace

Command pack_command() {
  Command command = make_command<pack::PackOptions>("pack", "pack folders of images and masks into shards", kPackUsage, run_pack,
                                                    pack::expand_source_keys);
  command.over_ranks = true;
  return command;
}

}  // namespace muster::app
