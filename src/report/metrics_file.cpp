#include "report/metrics_file.hpp"

#include <cmath>
#include <string>
#include <string_view>

#include <spdlog/spdlog.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "io/value.hpp"

namespace muster::report {
namespace {

// The step of one line, or 0 with a warning when the line is no record.
std::int64_t step_of(std::string_view line, const std::string& where) {
  try {
    return io::parse_json(line, where).at("step").as_int();
  } catch (const ConfigError& error) {
    spdlog::warn("{}; the line is removed", error.what());
    return 0;
  }
}

}  // namespace

void MetricsFile::write(const Record& record) {
  io::Value line = io::Value::map();
  line.set("step", record.step);
  line.set("epoch", record.epoch);
  for (const auto& [name, value] : record.values) {
    line.set(name, std::isfinite(value) ? io::Value(value) : io::Value());
  }
  file_.append(io::to_json(line, -1) + "\n");
}

void truncate_metrics_after(const std::filesystem::path& path, std::int64_t step) {
  if (!std::filesystem::exists(path)) {
    return;
  }
  const std::string text = read_file(path);
  std::string kept;
  std::size_t start = 0;
  for (int number = 1; start < text.size(); ++number) {
    const std::size_t end = text.find('\n', start);
    if (end == std::string::npos) {
      break;  // cut off in the middle of a write
    }
    const std::string_view line = std::string_view(text).substr(start, end - start);
    const std::int64_t line_step = step_of(line, fmt::format("{}:{}", path.string(), number));
    if (line_step >= 1 && line_step <= step) {
      kept.append(line).push_back('\n');
    }
    start = end + 1;
  }
  if (kept.size() != text.size()) {
    write_file_atomically(path, kept);
  }
}

}  // namespace muster::report
