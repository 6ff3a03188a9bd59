#include "dist/flight_record.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/atomic_file.hpp"
#include "core/error.hpp"

namespace muster::dist {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const RecordedOperation& recorded) {
  const Operation& o = recorded.operation;
  return {
      {"sequence", o.sequence}, {"kind", operation_name(o.kind)},     {"dtype", scalar_name(o.type())}, {"count", o.count},
      {"root", o.root},         {"unit", std::string(o.unit.data())}, {"began_ns", recorded.began_ns},  {"ended_ns", recorded.ended_ns}};
}

RecordedOperation operation_from(const Json& json) {
  RecordedOperation recorded{.operation = {}, .began_ns = json.at("began_ns"), .ended_ns = json.at("ended_ns")};
  Operation& o = recorded.operation;
  o.sequence = json.at("sequence");
  o.count = json.at("count");
  o.root = json.at("root");
  o.dtype = static_cast<std::uint32_t>(scalar_from_name(json.at("dtype").get<std::string>()));
  const std::string kind = json.at("kind");
  for (const OperationKind each : {OperationKind::kAllReduce, OperationKind::kReduceScatter, OperationKind::kAllGather,
                                   OperationKind::kBroadcast, OperationKind::kBarrier}) {
    if (operation_name(each) == kind) {
      o.kind = each;
    }
  }
  const std::string unit = json.at("unit");
  std::copy_n(unit.data(), std::min(unit.size(), o.unit.size() - 1), o.unit.data());
  return recorded;
}

Json json_of(const RankRecord& rank) {
  Json operations = Json::array();
  for (const RecordedOperation& recorded : rank.operations) {
    operations.push_back(json_of(recorded));
  }
  return {{"rank", rank.rank},   {"host", rank.host},       {"pid", rank.pid}, {"process", process_state_name(rank.process)},
          {"phase", rank.phase}, {"operations", operations}};
}

RankRecord rank_from(const Json& json) {
  RankRecord rank{.rank = json.at("rank"), .host = json.at("host"), .pid = json.at("pid"), .phase = json.at("phase"), .operations = {}};
  const std::string process = json.at("process");
  for (const ProcessState state : {ProcessState::kRunning, ProcessState::kStopped, ProcessState::kDead}) {
    if (process_state_name(state) == process) {
      rank.process = state;
    }
  }
  for (const Json& operation : json.at("operations")) {
    rank.operations.push_back(operation_from(operation));
  }
  return rank;
}

// A rank that has begun its k-th operation is at 2 k - 1, one that has ended it at 2 k.
std::uint64_t progress(const RankRecord& rank) {
  if (rank.operations.empty()) {
    return 0;
  }
  const RecordedOperation& last = rank.operations.back();
  return 2 * last.operation.sequence - (last.ended_ns == 0 ? 1 : 0);
}

std::string doing(const RankRecord& rank, std::int64_t now_ns) {
  if (rank.operations.empty()) {
    return "has not begun any operation";
  }
  const RecordedOperation& last = rank.operations.back();
  const auto seconds_ago = [&](std::int64_t time_ns) { return static_cast<double>(std::max<std::int64_t>(now_ns - time_ns, 0)) * 1e-9; };
  return last.ended_ns == 0 ? fmt::format("began {} {:.1f} s ago and is in it", describe(last.operation), seconds_ago(last.began_ns))
                            : fmt::format("ended {} {:.1f} s ago", describe(last.operation), seconds_ago(last.ended_ns));
}

const RankRecord* lowest_of(const std::vector<const RankRecord*>& ranks, ProcessState state) {
  const auto found = std::ranges::find_if(ranks, [&](const RankRecord* rank) { return rank->process == state; });
  return found == ranks.end() ? nullptr : *found;
}

std::optional<int> lowest_unrecorded(const std::vector<const RankRecord*>& ranks, int world) {
  std::set<int> recorded;
  for (const RankRecord* rank : ranks) {
    recorded.insert(rank->rank);
  }
  for (int rank = 0; rank < world; ++rank) {
    if (!recorded.contains(rank)) {
      return rank;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string to_json(const NodeRecord& record) {
  Json ranks = Json::array();
  for (const RankRecord& rank : record.ranks) {
    ranks.push_back(json_of(rank));
  }
  return Json{{"launch", record.launch}, {"run", record.run},     {"node", record.node},
              {"host", record.host},     {"cause", record.cause}, {"ranks", ranks}}
             .dump(1) +
         "\n";
}

NodeRecord node_record_from_json(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    NodeRecord record{.launch = json.at("launch"),
                      .run = json.at("run"),
                      .node = json.at("node"),
                      .host = json.at("host"),
                      .cause = json.at("cause"),
                      .ranks = {}};
    for (const Json& rank : json.at("ranks")) {
      record.ranks.push_back(rank_from(rank));
    }
    return record;
  } catch (const Json::exception& error) {
    throw DataError("this is no flight record of Muster: {}", error.what());
  }
}

std::vector<NodeRecord> read_node_records(const std::filesystem::path& folder, const std::string& launch) {
  std::vector<NodeRecord> records;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() != ".json" || file.path().filename() == "report.json") {
      continue;
    }
    try {
      NodeRecord record = node_record_from_json(read_file(file.path()));
      if (record.launch == launch) {
        records.push_back(std::move(record));
      }
    } catch (const DataError&) {
      continue;  // of another version, or a user's file
    }
  }
  std::ranges::sort(records, {}, &NodeRecord::node);
  return records;
}

std::string name_furthest_behind(const std::vector<NodeRecord>& records, int world, std::int64_t now_ns) {
  std::vector<const RankRecord*> ranks;
  for (const NodeRecord& record : records) {
    for (const RankRecord& rank : record.ranks) {
      ranks.push_back(&rank);
    }
  }
  std::ranges::sort(ranks, {}, [](const RankRecord* rank) { return rank->rank; });
  const auto name = [](const RankRecord& rank) { return fmt::format("rank {} on {} (pid {})", rank.rank, rank.host, rank.pid); };
  if (const RankRecord* dead = lowest_of(ranks, ProcessState::kDead)) {
    return fmt::format("{} is dead: it {}", name(*dead), doing(*dead, now_ns));
  }
  if (const RankRecord* stopped = lowest_of(ranks, ProcessState::kStopped)) {
    return fmt::format("{} is stopped (signal STOP or a debugger): it {}", name(*stopped), doing(*stopped, now_ns));
  }
  if (const std::optional<int> missing = lowest_unrecorded(ranks, world)) {
    return fmt::format("rank {} and its node wrote no record: the node or the network to it is down", *missing);
  }
  const auto of_rank = [](const RankRecord* rank) { return progress(*rank); };
  const auto behind = std::ranges::min_element(ranks, {}, of_rank);
  const auto ahead = std::ranges::max_element(ranks, {}, of_rank);
  if (progress(**behind) == progress(**ahead)) {
    return fmt::format("no rank is behind the others; {} {}: the network between them does not deliver", name(**behind),
                       doing(**behind, now_ns));
  }
  return fmt::format("{} is furthest behind: it {}; {} {}", name(**behind), doing(**behind, now_ns), name(**ahead), doing(**ahead, now_ns));
}

std::string report_json(const std::vector<NodeRecord>& records, const std::string& verdict) {
  Json causes = Json::object();
  Json ranks = Json::array();
  for (const NodeRecord& record : records) {
    causes[record.host] = record.cause;
    for (const RankRecord& rank : record.ranks) {
      ranks.push_back(json_of(rank));
    }
  }
  return Json{{"launch", records.at(0).launch}, {"run", records.at(0).run}, {"verdict", verdict}, {"causes", causes}, {"ranks", ranks}}
             .dump(1) +
         "\n";
}

}  // namespace muster::dist
