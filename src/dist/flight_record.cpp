#include "dist/flight_record.hpp"

#include <algorithm>

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
