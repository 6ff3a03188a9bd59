// Options fields to and from values, with the messages that a user sees when a value is not what was wanted.
//
// Field types: bool, int, std::int64_t, double, std::string, std::vector<T>, std::optional<T>,
// std::map<int, std::string> (class lists), and io::Value (a tree that its owner reads).
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/options.hpp"
#include "io/value.hpp"

namespace muster::config {

using ClassNames = std::map<int, std::string>;

// "a whole number of at least 1", "one of cpu, cuda"
std::string describe_range(std::string_view type, const Range& range);

// Throws ConfigError "<where>: steps=-1: expected a whole number of at least 1".
[[noreturn]] void refuse_value(std::string_view key, const io::Value& value, const std::string& wanted);

// Throw ConfigError when the value's kind or range is wrong.
void read_field(std::string_view key, const io::Value& value, const Range& range, bool& out);
void read_field(std::string_view key, const io::Value& value, const Range& range, std::int64_t& out);
void read_field(std::string_view key, const io::Value& value, const Range& range, int& out);
void read_field(std::string_view key, const io::Value& value, const Range& range, double& out);
void read_field(std::string_view key, const io::Value& value, const Range& range, std::string& out);
void read_field(std::string_view key, const io::Value& value, const Range& range, ClassNames& out);
void read_field(std::string_view key, const io::Value& value, const Range& range, io::Value& out);

template <class T>
void read_field(std::string_view key, const io::Value& value, const Range& range, std::vector<T>& out) {
  if (!value.is_list()) {
    refuse_value(key, value, "a list, such as [1, 2]");
  }
  out.clear();
  for (const io::Value& element : value.as_list()) {
    T item{};
    read_field(key, element, range, item);
    out.push_back(std::move(item));
  }
}

template <class T>
void read_field(std::string_view key, const io::Value& value, const Range& range, std::optional<T>& out) {
  if (value.is_null()) {
    out.reset();
    return;
  }
  read_field(key, value, range, out.emplace());
}

template <class T>
  requires(std::same_as<T, bool> || std::same_as<T, int> || std::same_as<T, std::int64_t> || std::same_as<T, double> || std::same_as<T, std::string>)
io::Value to_value(const T& field) {
  return io::Value(field);
}
io::Value to_value(const ClassNames& field);
inline io::Value to_value(const io::Value& field) { return field; }

template <class T>
io::Value to_value(const std::vector<T>& field) {
  io::Value list = io::Value::list();
  for (const T& element : field) {
    list.push_back(to_value(element));
  }
  return list;
}

template <class T>
io::Value to_value(const std::optional<T>& field) {
  return field ? to_value(*field) : io::Value();
}

}  // namespace muster::config
