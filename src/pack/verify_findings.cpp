#include "pack/verify_findings.hpp"

#include <algorithm>

#include "io/utf8.hpp"
#include "io/value.hpp"

namespace muster::pack {

using io::Value;

namespace {

Value value_of(const VerifyProblem& problem) {
  return Value::map({{"file", problem.file},
                     {"sample", problem.sample ? Value(*problem.sample) : Value()},
                     {"key", printable(problem.key)},
                     {"reason", printable(problem.reason)}});
}

Value value_of(const std::vector<VerifyProblem>& problems) {
  Value list = Value::list();
  for (const VerifyProblem& problem : problems) {
    list.push_back(value_of(problem));
  }
  return list;
}

Value value_of(const std::vector<std::string>& texts) {
  Value list = Value::list();
  for (const std::string& text : texts) {
    list.push_back(printable(text));
  }
  return list;
}

std::vector<VerifyProblem> problems_of(const Value& list) {
  std::vector<VerifyProblem> problems;
  for (const Value& value : list.as_list()) {
    VerifyProblem& problem = problems.emplace_back();
    problem.file = value.at("file").as_string();
    if (!value.at("sample").is_null()) {
      problem.sample = static_cast<std::uint32_t>(value.at("sample").as_uint());
    }
    problem.key = value.at("key").as_string();
    problem.reason = value.at("reason").as_string();
  }
  return problems;
}

Value value_of(const PixelSums& sums) {
  Value list = Value::list();
  list.push_back(sums.pixels);
  for (std::size_t c = 0; c < sums.sum.size(); ++c) {
    list.push_back(sums.sum[c]);
    list.push_back(sums.squares[c]);
  }
  return list;
}

PixelSums sums_of(const Value& value) {
  const Value::List& list = value.as_list();
  PixelSums sums;
  sums.pixels = list.at(0).as_uint();
  for (std::size_t c = 0; c < sums.sum.size(); ++c) {
    sums.sum[c] = list.at(1 + 2 * c).as_uint();
    sums.squares[c] = list.at(2 + 2 * c).as_uint();
  }
  return sums;
}

}  // namespace

std::string printable(std::string text) {
  if (!io::is_utf8(text)) {
    std::ranges::replace_if(
        text, [](char c) { return static_cast<unsigned char>(c) > 127; }, '?');
  }
  return text;
}

std::string findings_text(const RankFindings& findings) {
  Value items = Value::list();
  for (const VerifyFindings& found : findings.items) {
    items.push_back(Value::map({{"item", static_cast<std::uint64_t>(found.item)},
                                {"problems", value_of(found.problems)},
                                {"hash_problems", value_of(found.hash_problems)}}));
  }
  Value sums = Value::map();
  for (const auto& [split, of_split] : findings.sums) {
    sums.set(split, value_of(of_split));
  }
  return io::to_json(Value::map({{"items", std::move(items)}, {"sums", std::move(sums)}, {"notices", value_of(findings.notices)}}), -1);
}

RankFindings findings_of(std::string_view text) {
  const Value value = io::parse_json(text, "findings of a rank");
  RankFindings findings;
  for (const Value& item : value.at("items").as_list()) {
    findings.items.push_back({.item = item.at("item").as_uint(),
                              .problems = problems_of(item.at("problems")),
                              .hash_problems = problems_of(item.at("hash_problems"))});
  }
  for (const auto& [split, sums] : value.at("sums").as_map()) {
    findings.sums[split] = sums_of(sums);
  }
  for (const Value& notice : value.at("notices").as_list()) {
    findings.notices.push_back(notice.as_string());
  }
  return findings;
}

std::string verify_json(const VerifyReport& report, const std::filesystem::path& folder, std::string_view level) {
  return io::to_json(Value::map({{"data", printable(folder.string())},
                                 {"level", level},
                                 {"task", report.task},
                                 {"splits", static_cast<std::uint64_t>(report.splits)},
                                 {"shards", static_cast<std::uint64_t>(report.shards)},
                                 {"samples", static_cast<std::uint64_t>(report.samples)},
                                 {"problems", value_of(report.problems)},
                                 {"notices", value_of(report.notices)}}));
}

}  // namespace muster::pack
