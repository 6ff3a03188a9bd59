#include "config/recipe.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/error.hpp"
#include "core/nearest_name.hpp"

namespace muster::config {
namespace {

// A value that YAML cannot read, such as a path with ": " in it, is text. So is what begins as a block of lines would ("|", ">"): a
// word of the command line has no lines, and YAML would read label_delimiter=| as nothing.
io::Value override_value(std::string_view text, const std::string& where) {
  if (text.starts_with('|') || text.starts_with('>')) {
    return io::Value(text);
  }
  try {
    return io::parse_yaml(text, where);
  } catch (const ConfigError&) {
    return io::Value(text);
  }
}

void apply_override(io::Value& tree, const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw ConfigError("'{}' on the command line is neither a recipe file nor key=value; see --help", text);
  }
  const std::string key = text.substr(0, equals);
  io::Value* node = &tree;
  std::size_t begin = 0;
  for (auto dot = key.find('.'); dot != std::string::npos; dot = key.find('.', begin)) {
    io::Value& child = (*node)[std::string_view(key).substr(begin, dot - begin)];
    if (!child.is_map()) {
      child = io::Value::map();  // `a.b=1` after `a: null` turns a into a group again
    }
    node = &child;
    begin = dot + 1;
  }
  io::Value value = override_value(std::string_view(text).substr(equals + 1), "command line");
  value.set_where("command line");
  node->set(std::string_view(key).substr(begin), std::move(value));
}

// CONTRACTS 16. Everything behind the recipe knows the full names alone, and so do the files that it writes.
constexpr std::pair<std::string_view, std::string_view> kShortTaskNames[] = {
    {"semantic", "semantic_segmentation"}, {"panoptic", "panoptic_segmentation"}, {"classification", "image_classification"}};

void write_task_name_out(io::Value& tree) {
  const io::Value* task = tree.find("task");
  if (task == nullptr || !task->is_string()) {
    return;
  }
  for (const auto& [short_name, full_name] : kShortTaskNames) {
    if (task->as_string() == short_name) {
      io::Value full(full_name);
      full.set_where(task->where());
      tree.set("task", std::move(full));
      return;
    }
  }
}

class UnknownKeys {
 public:
  explicit UnknownKeys(const std::vector<FieldHelp>& fields) : fields_(fields) {}

  void refuse(const io::Value& node, const std::string& prefix) const {
    for (const io::Value::Member& member : node.as_map()) {
      const std::string key = prefix + member.key;
      if (is_field(key)) {
        continue;
      }
      if (is_group(key)) {
        if (member.value.is_map()) {
          refuse(member.value, key + ".");
          continue;
        }
        if (member.value.is_null()) {
          continue;  // an empty group: all defaults
        }
        refuse_value(key, member.value, "a group of keys, such as " + first_key_below(key));
      }
      const std::string where = member.value.where().empty() ? "" : member.value.where() + ": ";
      const auto nearest = nearest_name(key, names());
      throw ConfigError("{}unknown key '{}'{}; --help lists all keys", where, key, nearest ? fmt::format(", did you mean '{}'?", *nearest) : "");
    }
  }

 private:
  bool is_field(const std::string& key) const {
    return std::any_of(fields_.begin(), fields_.end(), [&](const FieldHelp& field) { return field.key == key; });
  }
  bool is_group(const std::string& key) const { return !first_key_below(key).empty(); }
  std::string first_key_below(const std::string& group) const {
    const auto found = std::find_if(fields_.begin(), fields_.end(), [&](const FieldHelp& field) { return field.key.starts_with(group + "."); });
    return found == fields_.end() ? "" : found->key;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const FieldHelp& field : fields_) {
      names.push_back(field.key);
    }
    return names;
  }

  const std::vector<FieldHelp>& fields_;
};

}  // namespace

io::Value recipe_tree(const std::optional<std::filesystem::path>& recipe, const std::vector<std::string>& overrides) {
  io::Value tree = io::Value::map();
  if (recipe) {
    if (!std::filesystem::exists(*recipe)) {
      throw ConfigError("there is no recipe {}; name a YAML file, or give key=value", recipe->string());
    }
    tree = io::read_value_file(*recipe);
    if (tree.is_null()) {
      tree = io::Value::map();
    }
    if (!tree.is_map()) {
      throw ConfigError("{}: a recipe is a map of keys, this is {}", recipe->string(), tree.kind_name());
    }
  }
  for (const std::string& text : overrides) {
    apply_override(tree, text);
  }
  write_task_name_out(tree);
  return tree;
}

void refuse_unknown_keys(const io::Value& tree, const std::vector<FieldHelp>& fields) { UnknownKeys(fields).refuse(tree, ""); }

std::string help_text(const std::vector<FieldHelp>& fields) {
  std::size_t width = 0;
  for (const FieldHelp& field : fields) {
    width = std::max(width, field.key.size() + field.default_value.size() + 1);
  }
  width = std::min<std::size_t>(width, 44);
  std::string text;
  for (const FieldHelp& field : fields) {
    const std::string left = field.key + "=" + field.default_value;
    const std::string wanted = field.wanted.empty() ? "" : fmt::format(" ({})", field.wanted.starts_with(' ') ? field.wanted.substr(1) : field.wanted);
    text += fmt::format("  {:<{}}{}  {}{}\n", left, width, left.size() > width ? "\n" + std::string(width + 2, ' ') : "", field.help, wanted);
  }
  return text;
}

}  // namespace muster::config
