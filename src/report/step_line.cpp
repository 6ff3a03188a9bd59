#include "report/step_line.hpp"

#include <optional>
#include <string_view>

#include <fmt/format.h>

namespace muster::report {
namespace {

constexpr std::string_view kPart = "loss_";

bool is_part(std::string_view name) {
  return name.starts_with(kPart) && name.find('/') == std::string_view::npos;
}

std::string parts_of_loss(const Record& record) {
  std::string parts;
  for (const auto& [name, value] : record.values) {
    if (is_part(name)) {
      parts += fmt::format("{}{} {:.4g}", parts.empty() ? "" : ", ", std::string_view(name).substr(kPart.size()), value);
    }
  }
  return parts.empty() ? parts : " (" + parts + ")";
}

std::string in_words(std::string_view name, double value, const Record& record) {
  if (name == "loss") {
    return fmt::format("loss {:.4g}{}", value, parts_of_loss(record));
  }
  if (name == "lr") {
    return fmt::format("lr {:.3g}", value);
  }
  if (name == "grad_norm") {
    return fmt::format("grad norm {:.3g}", value);
  }
  if (name == "images_per_s") {
    return fmt::format("{:.1f} images/s", value);
  }
  if (name == "data_wait") {
    const std::optional<double> share = record.find("data/wait_share");
    return fmt::format("data wait {:.3f} s{}", value, share ? fmt::format(" ({:.0f} %)", 100 * *share) : "");
  }
  if (name == "slowest_rank") {
    return fmt::format("slowest rank {:.0f}", value);
  }
  if (name == "slowest_step_s") {
    return fmt::format("at {:.2f} s", value);
  }
  return fmt::format("{} {:.4g}", name, value);
}

// What reading had to do again, where it had to: details otherwise.
std::string read_trouble(const Record& record) {
  const double retries = record.find("data/retries").value_or(0);
  const double wrong = record.find("data/crc_failures").value_or(0);
  return retries > 0 || wrong > 0 ? fmt::format("  {:.0f} read again, {:.0f} with a wrong checksum", retries, wrong) : "";
}

}  // namespace

std::string step_line(const Record& record, std::int64_t total_steps) {
  std::string line = fmt::format("step {}/{}  epoch {:.2f}", record.step, total_steps, record.epoch);
  for (const auto& [name, value] : record.values) {
    if (!is_part(name) && name.find('/') == std::string::npos) {
      line += "  " + in_words(name, value, record);
    }
  }
  return line + read_trouble(record);
}

std::string validation_line(const Record& record) {
  std::string line;
  for (const auto& [name, value] : record.values) {
    if (name.find("classwise") == std::string::npos) {
      line += fmt::format("{}{} {:.4g}", line.empty() ? "" : ", ", name, value);
    }
  }
  return fmt::format("validation after step {}: {}", record.step, line);
}

}  // namespace muster::report
