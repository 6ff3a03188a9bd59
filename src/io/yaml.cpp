#include "io/value.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <unordered_set>

#include <yaml-cpp/yaml.h>

#include "core/error.hpp"

namespace muster::io {
namespace {

constexpr int kMaxYamlDepth = 200;             // the tree is walked by recursion
constexpr std::size_t kMaxNodes = 500000;  // aliases of aliases grow without end

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool all_of_digits(std::string_view text, std::string_view digits) {
  return !text.empty() && text.find_first_not_of(digits) == std::string_view::npos;
}

// [-+]? ( '.' digits | digits ( '.' digits? )? ) ( [eE] [-+]? digits )?       YAML 1.2.2, section 10.3.2
bool looks_like_float(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789";
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    text.remove_prefix(1);
  }
  if (const std::size_t e = text.find_first_of("eE"); e != std::string_view::npos) {
    std::string_view exponent = text.substr(e + 1);
    if (!exponent.empty() && (exponent[0] == '-' || exponent[0] == '+')) {
      exponent.remove_prefix(1);
    }
    if (!all_of_digits(exponent, kDigits)) {
      return false;
    }
    text = text.substr(0, e);
  }
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) {
    return all_of_digits(text, kDigits);
  }
  const std::string_view whole = text.substr(0, dot);
  const std::string_view fraction = text.substr(dot + 1);
  return (whole.empty() || all_of_digits(whole, kDigits)) && (fraction.empty() ? !whole.empty() : all_of_digits(fraction, kDigits));
}

// The digits of a whole number and its base; nothing when the text is no whole number.
std::optional<std::pair<std::string, int>> whole_number_digits(std::string_view text) {
  if (text.starts_with("0x") && all_of_digits(text.substr(2), "0123456789abcdefABCDEF")) {
    return std::pair(std::string(text.substr(2)), 16);
  }
  if (text.starts_with("0o") && all_of_digits(text.substr(2), "01234567")) {
    return std::pair(std::string(text.substr(2)), 8);
  }
  const bool negative = text.starts_with('-');
  const std::string_view digits = negative || text.starts_with('+') ? text.substr(1) : text;
  if (!all_of_digits(digits, "0123456789")) {
    return std::nullopt;
  }
  return std::pair((negative ? "-" : "") + std::string(digits), 10);
}

// What a plain (unquoted) scalar means by the core schema.
Value plain_scalar(const std::string& text, const std::string& where) {
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) {
    return {};
  }
  if (is_one_of(text, {"true", "True", "TRUE"})) {
    return true;
  }
  if (is_one_of(text, {"false", "False", "FALSE"})) {
    return false;
  }
  if (const auto number = whole_number_digits(text)) {
    const auto& [digits, base] = *number;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (error != std::errc()) {
      throw ConfigError("{}: {} does not fit 64 bits; quote it if it is a string", where, text);
    }
    return value;
  }
  const bool negative = text.starts_with('-');
  const std::string_view unsigned_text = std::string_view(text).substr(negative || text.starts_with('+') ? 1 : 0);
  if (is_one_of(unsigned_text, {".inf", ".Inf", ".INF"})) {
    return negative ? -HUGE_VAL : HUGE_VAL;
  }
  if (is_one_of(text, {".nan", ".NaN", ".NAN"})) {
    return std::nan("");
  }
  if (looks_like_float(text)) {
    const std::size_t skip = text[0] == '+' ? 1 : 0;
    double value = 0;
    const auto [end, error] = std::from_chars(text.data() + skip, text.data() + text.size(), value);
    if (error != std::errc()) {
      throw ConfigError("{}: {} is outside the range of a double", where, text);
    }
    return value;
  }
  return text;
}

class TreeReader {
 public:
  explicit TreeReader(std::string_view where) : where_(where) {}

  Value convert(const YAML::Node& node, int depth) {
    const std::string place = place_of(node.Mark());
    if (depth > kMaxYamlDepth || ++nodes_ > kMaxNodes) {
      throw ConfigError("{}: nested deeper than {} levels, or more than {} values", place, kMaxYamlDepth, kMaxNodes);
    }
    Value value;
    if (node.IsScalar()) {
      value = scalar(node, place);
    } else if (node.IsSequence()) {
      value = Value::list();
      for (const YAML::Node& item : node) {
        value.push_back(convert(item, depth + 1));
      }
    } else if (node.IsMap()) {
      value = map(node, depth);
    }
    value.set_where(place);
    return value;
  }

  std::string place_of(const YAML::Mark& mark) const {
    return mark.is_null() ? std::string(where_) : fmt::format("{}:{}:{}", where_, mark.line + 1, mark.column + 1);
  }

 private:
  static Value scalar(const YAML::Node& node, const std::string& place) {
    const std::string& tag = node.Tag();  // "?" for a plain scalar, "!" for a quoted one
    if (tag == "!" || tag == "tag:yaml.org,2002:str") {
      return node.Scalar();
    }
    if (!tag.empty() && tag != "?" && !tag.starts_with("tag:yaml.org,2002:")) {
      throw ConfigError("{}: the tag {} is not known; quote the value if it is a string", place, tag);
    }
    return plain_scalar(node.Scalar(), place);
  }

  Value map(const YAML::Node& node, int depth) {
    Value::Map members;
    std::unordered_set<std::string> seen;
    for (const auto& member : node) {
      const std::string place = place_of(member.first.Mark());
      if (!member.first.IsScalar()) {
        throw ConfigError("{}: a key must be a word or a number", place);
      }
      const std::string& key = member.first.Scalar();
      if (!seen.insert(key).second) {
        throw ConfigError("{}: the key '{}' is written twice", place, key);
      }
      members.push_back({key, convert(member.second, depth + 1)});
    }
    return Value(std::move(members));
  }

  std::string_view where_;
  std::size_t nodes_ = 0;
};

std::string yaml_scalar(const Value& value) {
  if (value.kind() == Value::Kind::kDouble && !std::isfinite(value.as_double())) {
    return std::isnan(value.as_double()) ? ".nan" : value.as_double() > 0 ? ".inf" : "-.inf";
  }
  if (!value.is_string()) {
    return to_json(value, -1);
  }
  const std::string& text = value.as_string();
  constexpr std::string_view kSafe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-";
  const bool safe = !text.empty() && text.find_first_not_of(kSafe) == std::string::npos && text[0] != '-' && text[0] != '+';
  // A JSON string is a YAML string in double quotes.
  const bool number = looks_like_float(text) || whole_number_digits(text).has_value();
  return safe && !number && plain_scalar(text, "").is_string() ? text : to_json(value, -1);
}

bool is_empty_container(const Value& value) {
  return (value.is_map() || value.is_list()) && value.size() == 0;
}

void write_block(std::string& out, const Value& value, std::size_t depth);

// After "key:" or "-": on the same line, or as an indented block below.
void write_after(std::string& out, const Value& value, std::size_t depth) {
  const bool scalar_list = value.is_list() && std::none_of(value.as_list().begin(), value.as_list().end(),
                                                           [](const Value& item) { return item.is_list() || item.is_map(); });
  if (is_empty_container(value)) {
    out += value.is_map() ? " {}\n" : " []\n";
  } else if (scalar_list) {
    out += " [";
    for (std::size_t i = 0; i < value.size(); ++i) {
      out += (i > 0 ? ", " : "") + yaml_scalar(value.as_list()[i]);
    }
    out += "]\n";
  } else if (value.is_map() || value.is_list()) {
    out += '\n';
    write_block(out, value, depth + 1);
  } else {
    out += ' ' + yaml_scalar(value) + '\n';
  }
}

void write_block(std::string& out, const Value& value, std::size_t depth) {
  const std::string indent(2 * depth, ' ');
  if (value.is_map()) {
    for (const Value::Member& member : value.as_map()) {
      out += indent + yaml_scalar(member.key) + ':';
      write_after(out, member.value, depth);
    }
  } else {
    for (const Value& item : value.as_list()) {
      out += indent + '-';
      write_after(out, item, depth);
    }
  }
}

}  // namespace

Value parse_yaml(std::string_view text, std::string_view where) {
  TreeReader reader(where);
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(text));
    if (documents.size() > 1) {
      throw ConfigError("{}: {} YAML documents, one is wanted; remove the line '---' between them", where, documents.size());
    }
    return documents.empty() ? Value() : reader.convert(documents.front(), 0);
  } catch (const YAML::Exception& error) {
    throw ConfigError("{}: not valid YAML: {}", reader.place_of(error.mark), error.msg);
  }
}

std::string to_yaml(const Value& value) {
  if (is_empty_container(value)) {
    return value.is_map() ? "{}\n" : "[]\n";
  }
  if (!value.is_map() && !value.is_list()) {
    return yaml_scalar(value) + '\n';
  }
  std::string out;
  write_block(out, value, 0);
  return out;
}

}  // namespace muster::io
