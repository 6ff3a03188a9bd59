// One tree for JSON and YAML: what a recipe, a class list and a manifest are read into and written from.
//
//   const Value recipe = parse_yaml(read_file("configs/a.yaml"), "configs/a.yaml");
//   if (const Value* steps = recipe.find("steps")) steps->as_int();    // ConfigError with file:line:column otherwise
//
// Maps keep the order in which keys were written. A value is plain data: copy it, read it from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace muster::io {

class Value {
 public:
  enum class Kind { kNull, kBool, kInt, kDouble, kString, kList, kMap };
  struct Member;
  using List = std::vector<Value>;
  using Map = std::vector<Member>;

  Value() = default;  // null
  Value(bool value) : data_(value) {}
  Value(int value) : data_(std::int64_t{value}) {}
  Value(std::int64_t value) : data_(value) {}
  Value(std::uint32_t value) : data_(std::int64_t{value}) {}
  Value(std::uint64_t value);  // DataError above 2^63 - 1: large hashes are written as hex strings
  Value(double value) : data_(value) {}
  Value(const char* value) : data_(std::string(value)) {}
  Value(std::string_view value) : data_(std::string(value)) {}
  Value(std::string value) : data_(std::move(value)) {}
  Value(List value) : data_(std::move(value)) {}
  explicit Value(Map value);
  static Value map() { return Value(Map{}); }
  static Value map(std::initializer_list<Member> members);
  static Value list() { return Value(List{}); }

  Kind kind() const noexcept { return static_cast<Kind>(data_.index()); }
  bool is_null() const noexcept { return kind() == Kind::kNull; }
  bool is_string() const noexcept { return kind() == Kind::kString; }
  bool is_list() const noexcept { return kind() == Kind::kList; }
  bool is_map() const noexcept { return kind() == Kind::kMap; }
  // "null", "a boolean", "a whole number", "a number", "a string", "a list", "a map"
  std::string_view kind_name() const noexcept;

  // Each throws ConfigError "<where>: expected a whole number, got the string "x"". as_double() takes whole numbers too.
  bool as_bool() const;
  std::int64_t as_int() const;
  std::uint64_t as_uint() const;
  double as_double() const;
  const std::string& as_string() const;
  const List& as_list() const;
  const Map& as_map() const;

  // Maps. find() gives nullptr when the key, or the map, is not there; at() throws ConfigError naming the key.
  const Value* find(std::string_view key) const noexcept;
  const Value& at(std::string_view key) const;
  // Replaces, or appends at the end. Turns null into a map.
  Value& set(std::string_view key, Value value);
  // The value at `key`, made as null when it is not there. Turns null into a map.
  Value& operator[](std::string_view key);
  bool erase(std::string_view key);
  void push_back(Value value);  // turns null into a list
  std::size_t size() const noexcept;

  // "configs/a.yaml:12:7" where the value was read from, "" for values made in the program.
  const std::string& where() const noexcept { return where_; }
  void set_where(std::string where) { where_ = std::move(where); }

  // Of the content; where it was read does not count. 1 and 1.0 differ.
  bool operator==(const Value& other) const;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, List, Map> data_;
  std::string where_;
};

struct Value::Member {
  std::string key;
  Value value;
  bool operator==(const Member&) const = default;
};

// `where` is the file's name, or what else the text is ("command line"); it starts every message.
// Throw ConfigError with where:line:column for malformed text and for keys written twice.
Value parse_json(std::string_view text, std::string_view where);
// One document, YAML 1.2 core rules: plain 12, 0x1f, 0o17, -3.5e2, .inf, true, null are typed; everything quoted is a string.
Value parse_yaml(std::string_view text, std::string_view where);
// By the extension: .json, else YAML (which reads most JSON too). DataError when the file cannot be read.
Value read_value_file(const std::filesystem::path& path);

// Doubles are written with the fewest digits that read back equal. indent < 0: one line. JSON has no inf and nan: DataError.
std::string to_json(const Value& value, int indent = 2);
std::string to_yaml(const Value& value);

}  // namespace muster::io
