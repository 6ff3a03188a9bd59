// Which rank the others wait for, from what all of them recorded.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dist/flight_record.hpp"

namespace muster::dist {

// One sentence on the rank furthest behind: a dead one, else a stopped one, else one of a node that wrote nothing, else the one that is
// the fewest operations on. `now_ns` is when the job was given up.
std::string name_furthest_behind(const std::vector<NodeRecord>& records, int world, std::int64_t now_ns);

}  // namespace muster::dist
