// The name of this machine, as it stands in file names.
#pragma once

#include <string>

namespace muster::report {

std::string host_name();  // "unknown" when the system does not say

}  // namespace muster::report
