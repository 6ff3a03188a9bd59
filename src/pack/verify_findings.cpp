#include "pack/verify_findings.hpp"

#include <algorithm>
#include <limits>

#include "io/utf8.hpp"
#include "io/value.hpp"
#include "pack/wire.hpp"

namespace muster::pack {

using io::Value;

namespace {

constexpr std::uint32_t kNoSample = std::numeric_limits<std::uint32_t>::max();

void put(WireWriter& wire, const std::vector<VerifyProblem>& problems) {
  wire.value(std::uint64_t{problems.size()});
  for (const VerifyProblem& problem : problems) {
    wire.text(problem.file);
    wire.value(problem.sample.value_or(kNoSample));
    wire.text(problem.key);
    wire.text(problem.reason);
  }
}

std::vector<VerifyProblem> problems_from(WireReader& wire) {
  std::vector<VerifyProblem> problems(wire.value<std::uint64_t>());
  for (VerifyProblem& problem : problems) {
    problem.file = wire.text();
    const auto sample = wire.value<std::uint32_t>();
    problem.sample = sample == kNoSample ? std::nullopt : std::optional(sample);
    problem.key = wire.text();
    problem.reason = wire.text();
  }
  return problems;
}

}  // namespace

std::string printable(std::string text) {
  if (!io::is_utf8(text)) {
    std::ranges::replace_if(
        text, [](char c) { return static_cast<unsigned char>(c) > 127; }, '?');
  }
  return text;
}

std::string findings_bytes(const RankFindings& findings) {
  WireWriter wire;
  wire.value(std::uint64_t{findings.items.size()});
  for (const VerifyFindings& found : findings.items) {
    wire.value(std::uint64_t{found.item});
    put(wire, found.problems);
    put(wire, found.hash_problems);
  }
  wire.value(std::uint64_t{findings.sums.size()});
  for (const auto& [split, sums] : findings.sums) {
    wire.text(split);
    wire.value(sums);
  }
  return wire.take();
}

RankFindings findings_of(std::string_view bytes) {
  WireReader wire(bytes);
  RankFindings findings;
  findings.items.resize(wire.value<std::uint64_t>());
  for (VerifyFindings& found : findings.items) {
    found.item = wire.value<std::uint64_t>();
    found.problems = problems_from(wire);
    found.hash_problems = problems_from(wire);
  }
  for (auto splits = wire.value<std::uint64_t>(); splits > 0; --splits) {
    const std::string split = wire.text();
    findings.sums[split] = wire.value<PixelSums>();
  }
  return findings;
}

std::string verify_json(const VerifyReport& report, const std::filesystem::path& folder, std::string_view level) {
  Value problems = Value::list();
  for (const VerifyProblem& problem : report.problems) {
    problems.push_back(Value::map({{"file", printable(problem.file)},
                                   {"sample", problem.sample ? Value(*problem.sample) : Value()},
                                   {"key", printable(problem.key)},
                                   {"reason", printable(problem.reason)}}));
  }
  Value notices = Value::list();
  for (const std::string& notice : report.notices) {
    notices.push_back(printable(notice));
  }
  return io::to_json(Value::map({{"data", printable(folder.string())},
                                 {"level", level},
                                 {"task", report.task},
                                 {"splits", std::uint64_t{report.splits}},
                                 {"shards", std::uint64_t{report.shards}},
                                 {"samples", std::uint64_t{report.samples}},
                                 {"problems", std::move(problems)},
                                 {"notices", std::move(notices)}}));
}

}  // namespace muster::pack
