#include "config/field_text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.hpp"

namespace muster::config {
namespace {

bool in_range(double value, const Range& range) { return (range.open_low ? value > range.low : value >= range.low) && value <= range.high; }

void check_number(std::string_view key, const io::Value& value, const Range& range, std::string_view type, double number) {
  if (!in_range(number, range)) {
    refuse_value(key, value, describe_range(type, range));
  }
}

}  // namespace

std::string describe_range(std::string_view type, const Range& range) {
  if (!range.choices.empty()) {
    return fmt::format("one of {}", fmt::join(range.choices, ", "));
  }
  std::string text(type);
  const bool has_low = std::isfinite(range.low), has_high = std::isfinite(range.high);
  if (has_low) {
    text += fmt::format(" {} {}", range.open_low ? "above" : "of at least", range.low);
  }
  if (has_high) {
    text += fmt::format("{} {}", has_low ? " and at most" : " of at most", range.high);
  }
  return text;
}

void refuse_value(std::string_view key, const io::Value& value, const std::string& wanted) {
  const std::string where = value.where().empty() ? "" : value.where() + ": ";
  throw ConfigError("{}{}={}: expected {}", where, key, io::to_json(value, -1), wanted);
}

void read_field(std::string_view key, const io::Value& value, const Range&, bool& out) {
  if (value.kind() != io::Value::Kind::kBool) {
    refuse_value(key, value, "true or false");
  }
  out = value.as_bool();
}

void read_field(std::string_view key, const io::Value& value, const Range& range, std::int64_t& out) {
  // 1e5 is a double to YAML; as a whole number it is as good as 100000.
  const bool whole_double = value.kind() == io::Value::Kind::kDouble && std::nearbyint(value.as_double()) == value.as_double() &&
                            std::abs(value.as_double()) < 0x1p53;
  if (value.kind() != io::Value::Kind::kInt && !whole_double) {
    refuse_value(key, value, describe_range("a whole number", range));
  }
  const std::int64_t number = whole_double ? static_cast<std::int64_t>(value.as_double()) : value.as_int();
  check_number(key, value, range, "a whole number", static_cast<double>(number));
  out = number;
}

void read_field(std::string_view key, const io::Value& value, const Range& range, int& out) {
  std::int64_t wide = 0;
  read_field(key, value, range, wide);
  if (wide != static_cast<int>(wide)) {
    refuse_value(key, value, fmt::format("a whole number between {} and {}", std::numeric_limits<int>::min(), std::numeric_limits<int>::max()));
  }
  out = static_cast<int>(wide);
}

void read_field(std::string_view key, const io::Value& value, const Range& range, double& out) {
  if (value.kind() != io::Value::Kind::kDouble && value.kind() != io::Value::Kind::kInt) {
    refuse_value(key, value, describe_range("a number", range));
  }
  const double number = value.as_double();
  if (!std::isfinite(number)) {
    refuse_value(key, value, describe_range("a finite number", range));
  }
  check_number(key, value, range, "a number", number);
  out = number;
}

void read_field(std::string_view key, const io::Value& value, const Range& range, std::string& out) {
  // An unquoted name that YAML reads as a number or null ("out=2024") is still a name.
  if (value.is_list() || value.is_map()) {
    refuse_value(key, value, describe_range("text", range));
  }
  // null and `key=` are the empty text.
  std::string text = value.is_string() ? value.as_string() : value.is_null() ? "" : io::to_json(value, -1);
  if (!range.choices.empty() && std::find(range.choices.begin(), range.choices.end(), text) == range.choices.end()) {
    refuse_value(key, value, describe_range("text", range));
  }
  out = std::move(text);
}

void read_field(std::string_view key, const io::Value& value, const Range&, ClassNames& out) {
  if (!value.is_map()) {
    refuse_value(key, value, "a map of class id to name, such as {0: building, 1: road}");
  }
  out.clear();
  for (const io::Value::Member& member : value.as_map()) {
    int id = 0;
    const char* end = member.key.data() + member.key.size();
    const auto parsed = std::from_chars(member.key.data(), end, id);
    if (parsed.ec != std::errc() || parsed.ptr != end || id < 0 || id > 65534) {
      refuse_value(fmt::format("{}.{}", key, member.key), member.value, "a class id between 0 and 65534 as the key");
    }
    read_field(fmt::format("{}.{}", key, member.key), member.value, any_value(), out[id]);
  }
}

void read_field(std::string_view, const io::Value& value, const Range&, io::Value& out) { out = value; }

io::Value to_value(const ClassNames& field) {
  io::Value map = io::Value::map();
  for (const auto& [id, name] : field) {
    map.set(std::to_string(id), name);
  }
  return map;
}

}  // namespace muster::config
