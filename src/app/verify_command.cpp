// `muster verify`: is a packed dataset what its manifest says?
#include <fmt/format.h>

#include "app/command.hpp"
#include "pack/verify.hpp"

namespace muster::app {
namespace {

struct VerifyOptions {
  std::string data;
  std::string level = "crc";
  int threads = 0;
};
template <class Visitor>
void visit(Visitor& v, VerifyOptions& o) {
  v.field("data", o.data, any_value(), "folder of a packed dataset");
  v.field("level", o.level, one_of({"quick", "crc", "decode"}), "quick: files and columns; crc: every byte; decode: every pixel");
  v.field("threads", o.threads, between(0, 1024), "0 = one per processor");
}
void validate(const VerifyOptions& o) {
  if (o.data.empty()) {
    throw ConfigError("data is not set; give the folder of a packed dataset, data=runs/sample");
  }
}

constexpr const char* kVerifyUsage =
    "  muster verify data=DIR [level=quick|crc|decode]\n\n"
    "Example: launch/muster verify data=runs/sample level=decode\n"
    "Ends with 3 when there are problems; each is named with its shard and sample.\n";

ExitCode run_verify(const VerifyOptions& options, const io::Value&, const Arguments&) {
  const pack::VerifyReport report = pack::verify(options.data, pack::verify_level_from_name(options.level), options.threads);
  for (const pack::VerifyProblem& problem : report.problems) {
    fmt::print("{}\n", problem.text());
  }
  fmt::print("{}: {} splits, {} shards, {} samples, {} problem{}\n", options.data, report.splits, report.shards, report.samples, report.problems.size(),
             report.problems.size() == 1 ? "" : "s");
  return report.problems.empty() ? ExitCode::kDone : ExitCode::kData;
}

}  // namespace

Command verify_command() { return make_command<VerifyOptions>("verify", "check every byte of a packed dataset", kVerifyUsage, run_verify); }

}  // namespace muster::app
