// What the ranks were doing when a job was given up: `flight/<node>.json` of each node, merged to `flight/report.json`.
//
//   {"launch": "8c1f...", "run": "...", "node": 0, "host": "n1", "cause": "rank 0 waited longer than 300 s ...",
//    "ranks": [{"rank": 0, "host": "n1", "pid": 71, "process": "running", "phase": "step",
//               "operations": [{"sequence": 41, "kind": "all_reduce", "dtype": "F32", "count": 12, "root": 0, "unit": "blocks.3",
//                               "began_ns": 1763733600000000000, "ended_ns": 0}, ...]}, ...]}
//
// Times are nanoseconds since 1970; ended_ns = 0: under way. The report has the ranks of all nodes, and "verdict".
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "dist/board.hpp"
#include "dist/process_state.hpp"

namespace muster::dist {

struct RankRecord {
  int rank = 0;
  std::string host;
  std::int64_t pid = 0;
  ProcessState process = ProcessState::kRunning;
  std::string phase;
  std::vector<RecordedOperation> operations;  // oldest first
};

struct NodeRecord {
  std::string launch;  // one start of the job: older files in the folder are not mixed in
  std::string run;
  int node = 0;
  std::string host;
  std::string cause;  // why this node gave up
  std::vector<RankRecord> ranks;
};

std::string to_json(const NodeRecord& record);
// DataError for text that to_json() did not write.
NodeRecord node_record_from_json(const std::string& text);

// The records of this launch in `folder`, by node; files that cannot be read (yet) are left out.
std::vector<NodeRecord> read_node_records(const std::filesystem::path& folder, const std::string& launch);

// The merged report as JSON.
std::string report_json(const std::vector<NodeRecord>& records, const std::string& verdict);

}  // namespace muster::dist
