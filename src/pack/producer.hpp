// Which program made a pack.
#pragma once

#include <map>
#include <string>

namespace muster::pack {

// "muster" -> "0.1.0", "libjpeg-turbo" -> "2.1.5", "libdeflate" -> "1.14"
std::map<std::string, std::string> producer_versions();
// "muster 0.1.0"
std::string producer_line();

}  // namespace muster::pack
