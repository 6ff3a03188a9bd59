#include "io/value.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <unordered_set>

#include <nlohmann/json.hpp>

#include "core/error.hpp"

namespace muster::io {
namespace {

constexpr std::size_t kMaxDepth = 200;  // the tree is walked by recursion

// "12:7" of the byte at `offset`, counted from 1.
std::string line_and_column(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t start = before.rfind('\n');
  return fmt::format("{}:{}", line, before.size() - (start == std::string_view::npos ? 0 : start + 1) + 1);
}

// Builds the tree from nlohmann's parser events, so that keys keep their order and a repeated key is seen.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  Builder(std::string_view text, std::string_view where) : text_(text), where_(where) {}

  Value take() { return std::move(root_); }

  bool null() override { return add(Value()); }
  bool boolean(bool value) override { return add(Value(value)); }
  bool number_integer(std::int64_t value) override { return add(Value(value)); }
  bool number_unsigned(std::uint64_t value) override {
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      throw ConfigError("{}: {} is too large, at most 2^63 - 1 can be read", place(), value);
    }
    return add(Value(value));
  }
  bool number_float(double value, const std::string&) override { return add(Value(value)); }
  bool string(std::string& value) override { return add(Value(std::move(value))); }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(true); }
  bool start_array(std::size_t) override { return open(false); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string& name) override {
    Level& level = stack_.back();
    level.key = name;
    if (!level.keys.insert(name).second) {
      throw ConfigError("{}: the key is written twice", place());
    }
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: what is wrong"
    const std::string_view what = error.what();
    const std::size_t colon = what.find(": ");
    throw ConfigError("{}:{}: not valid JSON: {}", where_, line_and_column(text_, position == 0 ? 0 : position - 1),
                      colon == std::string_view::npos ? what : what.substr(colon + 2));
  }

 private:
  struct Level {
    bool is_map = false;
    Value::Map members;
    Value::List items;
    std::unordered_set<std::string> keys;
    std::string key;  // of the member being read
  };

  // "file.json at classes.3", the way to the value being read.
  std::string place() const {
    std::string path;
    for (const Level& level : stack_) {
      path += (path.empty() ? "" : ".") + (level.is_map ? level.key : std::to_string(level.items.size()));
    }
    return path.empty() ? where_ : fmt::format("{} at {}", where_, path);
  }

  bool add(Value value) {
    value.set_where(place());
    if (stack_.empty()) {
      root_ = std::move(value);
    } else if (Level& level = stack_.back(); level.is_map) {
      level.members.push_back({level.key, std::move(value)});
    } else {
      level.items.push_back(std::move(value));
    }
    return true;
  }

  bool open(bool is_map) {
    if (stack_.size() >= kMaxDepth) {
      throw ConfigError("{}: nested deeper than {} levels", where_, kMaxDepth);
    }
    stack_.emplace_back().is_map = is_map;
    return true;
  }

  bool close() {
    Level level = std::move(stack_.back());
    stack_.pop_back();
    return add(level.is_map ? Value(std::move(level.members)) : Value(std::move(level.items)));
  }

  std::string_view text_;
  std::string where_;
  std::vector<Level> stack_;
  Value root_;
};

void append_number(std::string& out, double value) {
  if (!std::isfinite(value)) {
    throw DataError("JSON cannot hold the number {}; write it as a string or leave it out", value);
  }
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  const std::string_view written(digits, static_cast<std::size_t>(end - digits));
  out += written;
  if (written.find_first_of(".e") == std::string_view::npos) {
    out += ".0";  // so that it reads back as a number, not as a whole number
  }
}

void append_string(std::string& out, const std::string& text) {
  try {
    out += nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    throw DataError("the string \"{}\" is not UTF-8 and cannot be written as JSON", text);
  }
}

bool only_scalars(const Value& list) {
  return std::none_of(list.as_list().begin(), list.as_list().end(), [](const Value& item) { return item.is_list() || item.is_map(); });
}

class Writer {
 public:
  explicit Writer(int indent) : indent_(indent) {}

  std::string take() { return std::move(out_); }

  void write(const Value& value, int depth) {
    switch (value.kind()) {
      case Value::Kind::kNull:
        out_ += "null";
        break;
      case Value::Kind::kBool:
        out_ += value.as_bool() ? "true" : "false";
        break;
      case Value::Kind::kInt:
        out_ += std::to_string(value.as_int());
        break;
      case Value::Kind::kDouble:
        append_number(out_, value.as_double());
        break;
      case Value::Kind::kString:
        append_string(out_, value.as_string());
        break;
      case Value::Kind::kList:
        write_list(value, depth);
        break;
      case Value::Kind::kMap:
        write_map(value, depth);
        break;
    }
  }

 private:
  void new_line(int depth) {
    if (indent_ >= 0) {
      out_ += '\n';
      out_.append(static_cast<std::size_t>(indent_ * depth), ' ');
    }
  }

  // A list without lists or maps inside stays on one line.
  void write_list(const Value& list, int depth) {
    const bool one_line = only_scalars(list);
    out_ += '[';
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (i > 0) {
        out_ += one_line && indent_ >= 0 ? ", " : ",";
      }
      if (!one_line) {
        new_line(depth + 1);
      }
      write(list.as_list()[i], depth + 1);
    }
    if (!one_line) {
      new_line(depth);
    }
    out_ += ']';
  }

  void write_map(const Value& map, int depth) {
    out_ += '{';
    bool first = true;
    for (const Value::Member& member : map.as_map()) {
      out_ += first ? "" : ",";
      first = false;
      new_line(depth + 1);
      append_string(out_, member.key);
      out_ += indent_ >= 0 ? ": " : ":";
      write(member.value, depth + 1);
    }
    if (!first) {
      new_line(depth);
    }
    out_ += '}';
  }

  int indent_;
  std::string out_;
};

}  // namespace

Value parse_json(std::string_view text, std::string_view where) {
  Builder builder(text, where);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) {
    throw ConfigError("{}: not valid JSON", where);
  }
  return builder.take();
}

std::string to_json(const Value& value, int indent) {
  Writer writer(indent);
  writer.write(value, 0);
  return writer.take();
}

}  // namespace muster::io
