// The visitors that read, print and explain an options struct from its one visit() (CONTRACTS 17).
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <vector>

#include "config/field_text.hpp"

namespace muster::config {

// Common to all: the dotted prefix of the group being visited. A visitor gives `field()` and inherits `group()`.
template <class Derived>
class GroupVisitor {
 public:
  template <class Options>
  void group(std::string_view name, Options& options) {
    const std::string outer = prefix_;
    prefix_ += std::string(name) + ".";
    visit(static_cast<Derived&>(*this), options);
    prefix_ = outer;
  }

 protected:
  std::string key(std::string_view name) const { return prefix_ + std::string(name); }

 private:
  std::string prefix_;
};

// Takes what `root` holds of each key; keys that are not there keep their defaults.
class ReadVisitor : public GroupVisitor<ReadVisitor> {
 public:
  explicit ReadVisitor(const io::Value& root) : root_(root) {}

  template <class T>
  void field(std::string_view name, T& member, const Range& range, std::string_view) {
    const io::Value* value = find(key(name));
    // The reference documents write "auto" for a value that the program chooses: our default.
    const bool automatic = value != nullptr && !std::same_as<T, std::string> && value->is_string() && value->as_string() == "auto";
    if (value != nullptr && !automatic) {
      read_field(key(name), *value, range, member);
    }
  }

 private:
  const io::Value* find(std::string_view dotted) const {
    const io::Value* node = &root_;
    while (node != nullptr && !dotted.empty()) {
      const auto dot = dotted.find('.');
      node = node->find(dotted.substr(0, dot));
      dotted = dot == std::string_view::npos ? std::string_view() : dotted.substr(dot + 1);
    }
    return node;
  }

  const io::Value& root_;
};

// The resolved options as a tree, groups as maps.
class PrintVisitor : public GroupVisitor<PrintVisitor> {
 public:
  template <class T>
  void field(std::string_view name, T& member, const Range&, std::string_view) {
    const std::string dotted = key(name);
    io::Value* node = &root_;
    std::size_t begin = 0;
    for (auto dot = dotted.find('.'); dot != std::string::npos; dot = dotted.find('.', begin)) {
      node = &(*node)[std::string_view(dotted).substr(begin, dot - begin)];
      begin = dot + 1;
    }
    node->set(std::string_view(dotted).substr(begin), to_value(member));
  }

  const io::Value& root() const noexcept { return root_; }

 private:
  io::Value root_ = io::Value::map();
};

// One line per key for --help, and the list of keys that exist.
struct FieldHelp {
  std::string key;
  std::string default_value;
  std::string wanted;  // range or choices; "" when anything goes
  std::string help;
  bool takes_map = false;  // class lists: any key below is theirs
};

class HelpVisitor : public GroupVisitor<HelpVisitor> {
 public:
  template <class T>
  void field(std::string_view name, T& member, const Range& range, std::string_view help) {
    fields_.push_back({.key = key(name),
                       .default_value = io::to_json(to_value(member), -1),
                       .wanted = describe_range("", range),
                       .help = std::string(help),
                       .takes_map = std::same_as<T, ClassNames> || std::same_as<T, io::Value>});
  }

  const std::vector<FieldHelp>& fields() const noexcept { return fields_; }

 private:
  std::vector<FieldHelp> fields_;
};

}  // namespace muster::config
