#include "dist/flight_folder.hpp"

#include <system_error>
#include <vector>

#include "core/atomic_file.hpp"
#include "dist/flight_verdict.hpp"

namespace muster::dist {
namespace {

constexpr double kForOtherNodes_s = 2;  // to write their records
constexpr double kForTheReport_s = 3;   // until a node leaves without it

}  // namespace

bool FlightFolder::alarm_was_raised() const {
  std::error_code no_folder;  // then no alarm either
  return std::filesystem::exists(alarm(), no_folder);
}

std::string FlightFolder::write_and_merge(const NodeRecord& record, int world) {
  const std::int64_t now_ns = wall_clock_ns();
  std::filesystem::create_directories(folder_);
  if (nodes_ > 1) {
    write_file_atomically(alarm(), record.cause);
  }
  write_file_atomically(folder_ / (record.host + ".json"), to_json(record));
  std::vector<NodeRecord> records;
  wait_up_to(kForOtherNodes_s, [&] {
    records = read_node_records(folder_, launch_);
    return records.size() == static_cast<std::size_t>(nodes_);
  });
  if (records.empty() || records.front().node != record.node) {
    wait_up_to(kForTheReport_s, [&] { return report_is_of_this_launch(); });
    return {};
  }
  const std::string verdict = name_furthest_behind(records, world, now_ns);
  write_file_atomically(report(), report_json(records, verdict));
  std::error_code left_behind;  // an empty file in the way of nobody
  std::filesystem::remove(alarm(), left_behind);
  return verdict;
}

bool FlightFolder::report_is_of_this_launch() const {
  return std::filesystem::exists(report()) && read_file(report()).find(launch_) != std::string::npos;
}

}  // namespace muster::dist
