#include "io/value.hpp"

#include <limits>

#include "core/atomic_file.hpp"
#include "core/error.hpp"

namespace muster::io {
namespace {

std::string described(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kBool:
      return value.as_bool() ? "true" : "false";
    case Value::Kind::kInt:
      return fmt::format("the whole number {}", value.as_int());
    case Value::Kind::kDouble:
      return fmt::format("the number {}", value.as_double());
    case Value::Kind::kString:
      return fmt::format("the string \"{}\"", value.as_string());
    default:
      return std::string(value.kind_name());
  }
}

[[noreturn]] void wrong_kind(const Value& value, std::string_view wanted) {
  throw ConfigError("{}{}expected {}, got {}", value.where(), value.where().empty() ? "" : ": ", wanted, described(value));
}

}  // namespace

Value::Value(std::uint64_t value) {
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    throw DataError("{} does not fit the 63 bits of a whole number; write it as a string", value);
  }
  data_ = static_cast<std::int64_t>(value);
}

Value::Value(Map value) : data_(std::move(value)) {}

Value Value::map(std::initializer_list<Member> members) {
  Value made = map();
  for (const Member& member : members) {
    made.set(member.key, member.value);
  }
  return made;
}

std::string_view Value::kind_name() const noexcept {
  constexpr std::string_view kNames[] = {"null", "a boolean", "a whole number", "a number", "a string", "a list", "a map"};
  return kNames[data_.index()];
}

bool Value::as_bool() const {
  if (const bool* value = std::get_if<bool>(&data_)) {
    return *value;
  }
  wrong_kind(*this, "true or false");
}

std::int64_t Value::as_int() const {
  if (const std::int64_t* value = std::get_if<std::int64_t>(&data_)) {
    return *value;
  }
  wrong_kind(*this, "a whole number");
}

std::uint64_t Value::as_uint() const {
  const std::int64_t* value = std::get_if<std::int64_t>(&data_);
  if (value != nullptr && *value >= 0) {
    return static_cast<std::uint64_t>(*value);
  }
  wrong_kind(*this, "a whole number of at least 0");
}

double Value::as_double() const {
  if (const double* value = std::get_if<double>(&data_)) {
    return *value;
  }
  if (const std::int64_t* value = std::get_if<std::int64_t>(&data_)) {
    return static_cast<double>(*value);
  }
  wrong_kind(*this, "a number");
}

const std::string& Value::as_string() const {
  if (const std::string* value = std::get_if<std::string>(&data_)) {
    return *value;
  }
  wrong_kind(*this, "a string");
}

const Value::List& Value::as_list() const {
  if (const List* value = std::get_if<List>(&data_)) {
    return *value;
  }
  wrong_kind(*this, "a list");
}

const Value::Map& Value::as_map() const {
  if (const Map* value = std::get_if<Map>(&data_)) {
    return *value;
  }
  wrong_kind(*this, "a map");
}

const Value* Value::find(std::string_view key) const noexcept {
  if (const Map* members = std::get_if<Map>(&data_)) {
    for (const Member& member : *members) {
      if (member.key == key) {
        return &member.value;
      }
    }
  }
  return nullptr;
}

const Value& Value::at(std::string_view key) const {
  const Map& members = as_map();
  if (const Value* value = find(key)) {
    return *value;
  }
  throw ConfigError("{}{}the key '{}' is missing among {} keys", where_, where_.empty() ? "" : ": ", key, members.size());
}

Value& Value::operator[](std::string_view key) {
  if (is_null()) {
    data_ = Map{};
  }
  if (!is_map()) {
    wrong_kind(*this, "a map");
  }
  Map& members = std::get<Map>(data_);
  for (Member& member : members) {
    if (member.key == key) {
      return member.value;
    }
  }
  members.push_back({std::string(key), Value()});
  return members.back().value;
}

Value& Value::set(std::string_view key, Value value) {
  return (*this)[key] = std::move(value);
}

bool Value::erase(std::string_view key) {
  Map* members = std::get_if<Map>(&data_);
  return members != nullptr && std::erase_if(*members, [&](const Member& member) { return member.key == key; }) > 0;
}

void Value::push_back(Value value) {
  if (is_null()) {
    data_ = List{};
  }
  if (!is_list()) {
    wrong_kind(*this, "a list");
  }
  std::get<List>(data_).push_back(std::move(value));
}

std::size_t Value::size() const noexcept {
  if (const Map* members = std::get_if<Map>(&data_)) {
    return members->size();
  }
  const List* items = std::get_if<List>(&data_);
  return items != nullptr ? items->size() : 0;
}

bool Value::operator==(const Value& other) const {
  return data_ == other.data_;
}

Value read_value_file(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  return path.extension() == ".json" ? parse_json(text, path.string()) : parse_yaml(text, path.string());
}

}  // namespace muster::io
