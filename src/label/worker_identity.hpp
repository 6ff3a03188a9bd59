// Who a worker is: one process of one machine, told apart from all that were and will be.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace muster::label {

struct WorkerIdentity {
  std::string host;
  std::string domain;  // start of the machine and process namespace: within it, process ids can be compared
  std::int64_t process = 0;
  std::uint64_t start = 0;  // clock ticks after the machine's start, or where those cannot be read, nanoseconds of the calendar
  std::string suffix;       // of workers that are threads of one process (tests)

  // "node7-4711-882301", fit for a file name.
  std::string name() const;
  bool operator==(const WorkerIdentity&) const = default;
};

WorkerIdentity this_worker(std::string suffix = "");

// One line of JSON, and back; nothing for a text that is none of ours, such as the empty one of a claim just made.
std::string to_json(const WorkerIdentity& worker);
std::optional<WorkerIdentity> parse_worker(std::string_view json);

// Whether /proc shows the processes that we are among: in some containers it belongs to another namespace.
bool sees_processes();

// Whether that process is certainly gone: only told of processes of this machine, and where they are seen; else false.
bool is_gone(const WorkerIdentity& worker);

}  // namespace muster::label
