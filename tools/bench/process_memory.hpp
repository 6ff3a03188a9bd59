// What the kernel says about this process' memory, for measurements.
#pragma once

#include <fstream>
#include <string>

namespace muster::bench {

// A line of /proc/self/status in bytes: "VmRSS" (resident now), "VmHWM" (at most so far); 0 when it is not there.
inline double status_bytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key + ":")) {
      return std::stod(line.substr(key.size() + 1)) * 1024;
    }
  }
  return 0;
}

// VmHWM starts anew at what is resident now.
inline void reset_peak() {
  std::ofstream("/proc/self/clear_refs") << 5;
}

}  // namespace muster::bench
