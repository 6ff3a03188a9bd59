#include "pack/class_file.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <span>
#include <string_view>

#include "core/error.hpp"
#include "pack/label_notes.hpp"
#include "pack/split_source.hpp"

namespace muster::pack {
namespace {

constexpr std::int32_t kMaxPixelValue = 65535;
constexpr std::int32_t kReducedVoid = 255;  // what 8-bit masks hold where nothing is labelled

std::optional<std::int32_t> whole_number(std::string_view text) {
  std::int32_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

std::int32_t class_id(const std::string& key, const std::string& where) {
  const std::optional<std::int32_t> id = whole_number(key);
  if (!id) {
    throw ConfigError("{}: the class id \"{}\" is no whole number; classes are written as `classes: {{0: name, 1: name}}`", where, key);
  }
  return *id;
}

struct ClassEntry {
  std::int32_t id = 0;
  std::string name;
  std::vector<std::uint32_t> labels;  // ascending, each once
  bool rgb = false;

  std::string text() const { return fmt::format("class {} ({})", id, name); }
};

// A folder or class may be called 0 or true, which YAML reads as something else than text.
std::string name_of(const io::Value& value) {
  const bool plain =
      value.kind() == io::Value::Kind::kInt || value.kind() == io::Value::Kind::kDouble || value.kind() == io::Value::Kind::kBool;
  return plain ? io::to_json(value, -1) : value.as_string();
}

std::uint32_t number_up_to(const io::Value& value, std::int64_t most, const ClassEntry& entry, const std::string& where) {
  const std::int64_t number = value.as_int();
  if (number < 0 || number > most) {
    throw ConfigError("{}: labels of {} hold {}; wanted are pixel values of 0..{}, or colours as [red, green, blue] of 0..255", where,
                      entry.text(), number, kMaxPixelValue);
  }
  return static_cast<std::uint32_t>(number);
}

std::uint32_t color_of(const io::Value::List& channels, const ClassEntry& entry, const std::string& where) {
  if (channels.size() != 3) {
    throw ConfigError("{}: labels of {} hold a colour of {} numbers; a colour is [red, green, blue]", where, entry.text(), channels.size());
  }
  const auto channel = [&](std::size_t c) { return number_up_to(channels[c], 255, entry, where); };
  return packed_rgb(channel(0), channel(1), channel(2));
}

void take_labels(const io::Value& labels, ClassEntry& entry, const std::string& where) {
  const io::Value::List& list = labels.as_list();
  entry.rgb = !list.empty() && list.front().is_list();
  for (const io::Value& label : list) {
    if (label.is_list() != entry.rgb) {
      throw ConfigError("{}: labels of {} mix pixel values and colours; a mask holds either", where, entry.text());
    }
    entry.labels.push_back(entry.rgb ? color_of(label.as_list(), entry, where) : number_up_to(label, kMaxPixelValue, entry, where));
  }
  if (entry.labels.empty()) {
    throw ConfigError("{}: {} has no labels; leave `labels` out where the label is the id, or take the class out", where, entry.text());
  }
  std::ranges::sort(entry.labels);
  const auto repeated = std::ranges::unique(entry.labels);
  entry.labels.erase(repeated.begin(), repeated.end());
}

// `7: road`, or `7: {name: road, labels: [...]}`.
ClassEntry class_entry(const io::Value::Member& member, const std::string& where) {
  ClassEntry entry{.id = class_id(member.key, where), .name = {}, .labels = {}};
  if (!member.value.is_map()) {
    entry.name = name_of(member.value);
    entry.labels = {static_cast<std::uint32_t>(entry.id)};
    return entry;
  }
  for (const io::Value::Member& key : member.value.as_map()) {
    if (key.key != "name" && key.key != "labels") {
      throw ConfigError("{}: classes.{} has the key {}; a class is `name`, or {{name: ..., labels: [...]}}", where, member.key, key.key);
    }
  }
  entry.name = name_of(member.value.at("name"));
  if (const io::Value* labels = member.value.find("labels")) {
    take_labels(*labels, entry, where);
  } else {
    entry.labels = {static_cast<std::uint32_t>(entry.id)};
  }
  return entry;
}

// Whether masks are in colour: all classes have colours, or none.
bool colored(const std::vector<ClassEntry>& entries, const std::string& where) {
  const auto with = std::ranges::find(entries, true, &ClassEntry::rgb);
  const auto without = std::ranges::find(entries, false, &ClassEntry::rgb);
  if (with != entries.end() && without != entries.end()) {
    throw ConfigError("{}: {} has colours as labels and {} has none; give every class its [red, green, blue]", where, with->text(),
                      without->text());
  }
  return with != entries.end();
}

// No label may belong to two classes.
void check_disjoint(const std::vector<ClassEntry>& entries, const std::string& where) {
  std::map<std::uint32_t, const ClassEntry*> owners;
  for (const ClassEntry& entry : entries) {
    for (const std::uint32_t label : entry.labels) {
      const auto [owner, is_new] = owners.emplace(label, &entry);
      if (!is_new) {
        throw ConfigError("{}: the label {} belongs to {} and to {}; leave it in one of them", where, label_text(label, entry.rgb),
                          owner->second->text(), entry.text());
      }
    }
  }
}

// Divides ignore_classes into ids that are classes and those that are none.
void take_ignored(std::vector<std::int32_t> ignored, DeclaredClasses& declared) {
  std::sort(ignored.begin(), ignored.end());
  ignored.erase(std::unique(ignored.begin(), ignored.end()), ignored.end());
  for (const std::int32_t id : ignored) {
    (declared.classes.dense_index(id) ? declared.ignored_classes : declared.void_values).push_back(id);
  }
  for (const std::int32_t id : declared.void_values) {
    if (id < 0 || id > kMaxPixelValue) {
      throw ConfigError("{}: ignore_classes names {}, but pixel values lie in 0..{}", declared.where, id, kMaxPixelValue);
    }
    for (std::size_t dense = 0; !declared.rgb && dense < declared.labels.size(); ++dense) {
      if (std::ranges::binary_search(declared.labels[dense], static_cast<std::uint32_t>(id))) {
        throw ConfigError(
            "{}: ignore_classes names {}, which is no class but a label of class {} ({}); name that class, or take the label out",
            declared.where, id, declared.classes.ids[dense], declared.classes.names[dense]);
      }
    }
  }
}

DeclaredClasses from_tree(const io::Value& tree, std::vector<std::int32_t> ignored, const std::string& where) {
  std::vector<ClassEntry> entries;
  for (const io::Value::Member& member : tree.as_map()) {
    entries.push_back(class_entry(member, where));
  }
  if (entries.empty()) {
    throw ConfigError("{}: no classes; at least one `id: name` is wanted", where);
  }
  std::ranges::stable_sort(entries, {}, &ClassEntry::id);
  std::vector<std::pair<std::int32_t, std::string>> names;
  for (const ClassEntry& entry : entries) {
    names.emplace_back(entry.id, entry.name);
  }
  DeclaredClasses declared{.classes = data::make_class_list(std::move(names)), .labels = {}, .void_values = {}, .where = where};
  check_disjoint(entries, where);
  declared.rgb = colored(entries, where);
  for (ClassEntry& entry : entries) {
    declared.labels.push_back(std::move(entry.labels));
  }
  take_ignored(std::move(ignored), declared);
  return declared;
}

void take_colors(const io::Value& colors, data::ClassList& classes, const std::string& where) {
  for (const io::Value::Member& member : colors.as_map()) {
    const auto dense = classes.dense_index(class_id(member.key, where));
    const io::Value::List& channels = member.value.as_list();
    if (!dense || channels.size() != 3) {
      throw ConfigError("{}: colors.{}: wanted is a class id of `classes` with [red, green, blue]", where, member.key);
    }
    for (std::size_t c = 0; c < channels.size(); ++c) {
      classes.colors[*dense][c] = static_cast<std::uint8_t>(std::clamp<std::int64_t>(channels[c].as_int(), 0, 255));
    }
  }
}

// A file of names alone: every key is an id.
bool is_list_of_names(const io::Value& root) {
  return root.is_map() && root.size() > 0 &&
         std::ranges::all_of(root.as_map(), [](const auto& member) { return whole_number(member.key).has_value(); });
}

DeclaredClasses from_file(const std::string& path, std::vector<std::int32_t> ignored, std::vector<std::string>& notices) {
  const io::Value root = io::read_value_file(path);
  if (is_list_of_names(root)) {
    return from_tree(root, std::move(ignored), path);
  }
  if (const io::Value* list = root.find("ignore_classes"); list != nullptr && !list->is_null()) {
    for (const io::Value& id : list->as_list()) {
      ignored.push_back(static_cast<std::int32_t>(std::clamp<std::int64_t>(id.as_int(), -1, kMaxPixelValue + 1)));
    }
  }
  constexpr std::string_view kKnown[] = {"classes", "colors", "ignore_classes", "orientation", "reduce_labels", "void"};
  std::vector<std::string> unknown;
  for (const io::Value::Member& member : root.as_map()) {
    if (std::ranges::find(kKnown, member.key) == std::end(kKnown)) {
      unknown.push_back(member.key);
    }
  }
  if (!unknown.empty()) {
    notices.push_back(fmt::format("{}: only {} are read, not {}", path, fmt::join(kKnown, ", "), fmt::join(unknown, ", ")));
  }
  DeclaredClasses declared = from_tree(root.at("classes"), std::move(ignored), path);
  if (const io::Value* reduce = root.find("reduce_labels")) {
    declared.reduce_labels = reduce->as_bool();
  }
  if (const io::Value* colors = root.find("colors")) {
    take_colors(*colors, declared.classes, path);
  }
  return declared;
}

bool in_recipe(const PackOptions& options) {
  return options.data.classes.size() > 0;
}

}  // namespace

bool DeclaredClasses::plain() const {
  bool own_ids = !rgb && !reduce_labels;
  for (std::size_t dense = 0; own_ids && dense < labels.size(); ++dense) {
    own_ids = labels[dense].size() == 1 && labels[dense][0] == static_cast<std::uint32_t>(classes.ids[dense]);
  }
  return own_ids;
}

std::string label_text(std::uint32_t label, bool rgb) {
  return rgb ? fmt::format("({}, {}, {})", label >> 16, label >> 8 & 255, label & 255) : fmt::format("{}", label);
}

void tell_packed_though_ignored(const data::ClassList& classes, const std::vector<std::int32_t>& ignored,
                                std::vector<std::string>& notices) {
  if (ignored.empty()) {
    return;
  }
  std::vector<std::string> named;
  for (const std::int32_t id : ignored) {
    named.push_back(fmt::format("{} ({})", id, classes.names[classes.dense_index(id).value()]));
  }
  const bool one = ignored.size() == 1;
  notices.push_back(
      fmt::format("class{} {} {} packed, as a pack keeps every class; `muster train` leaves {} out with ignore_classes=[{}]", one ? "" : "es",
                  fmt::join(named, ", "), one ? "is" : "are", one ? "it" : "them", fmt::join(ignored, ", ")));
}

bool has_declared_classes(const PackOptions& options) {
  return !options.classes.empty() || in_recipe(options);
}

DeclaredClasses declared_classes(const PackOptions& options, std::vector<std::string>& notices) {
  DeclaredClasses declared;
  const std::vector<std::int32_t> ignored(options.data.ignore_classes.begin(), options.data.ignore_classes.end());
  if (!options.classes.empty()) {
    declared = from_file(options.classes, ignored, notices);
  } else if (in_recipe(options)) {
    declared = from_tree(options.data.classes, ignored, "data.classes");
  } else if (const auto notes = shared_label_notes(options)) {
    declared = from_file(notes->string(), ignored, notices);
  } else {
    throw ConfigError("give either classes=FILE or data.classes in a recipe, got neither, and the masks bring no _muster/classes.yaml");
  }
  declared.reduce_labels = declared.reduce_labels || options.reduce_labels || options.data.reduce_labels;
  if (declared.reduce_labels && declared.rgb) {
    throw ConfigError("{}: reduce_labels counts pixel values down, and these labels are colours; use one or the other", declared.where);
  }
  tell_packed_though_ignored(declared.classes, declared.ignored_classes, notices);
  return declared;
}

std::string definition_of(const DeclaredClasses& declared) {
  std::string definition;
  for (std::size_t dense = 0; dense < declared.classes.size(); ++dense) {
    add_field(definition, declared.classes.ids[dense]);
    add_field(definition, declared.classes.names[dense]);
  }
  add_field(definition, "void");
  for (const std::int32_t value : declared.void_values) {
    add_field(definition, value);
  }
  if (declared.plain()) {
    return definition;
  }
  add_field(definition, declared.rgb ? "colours" : declared.reduce_labels ? "labels, reduced" : "labels");
  for (const std::vector<std::uint32_t>& labels : declared.labels) {
    add_field(definition, fmt::format("{}", fmt::join(labels, " ")));
  }
  return definition;
}

PixelTable::PixelTable(const DeclaredClasses& declared) {
  if (declared.rgb) {
    for (std::size_t dense = 0; dense < declared.labels.size(); ++dense) {
      for (const std::uint32_t color : declared.labels[dense]) {
        colors_[color] = static_cast<std::int32_t>(dense);
      }
    }
    return;
  }
  table_.assign(kMaxPixelValue + 1, kUndeclared);
  for (const std::int32_t value : declared.void_values) {
    table_[static_cast<std::size_t>(value)] = kVoid;
  }
  for (std::size_t dense = 0; dense < declared.labels.size(); ++dense) {
    for (const std::uint32_t value : declared.labels[dense]) {
      table_[value] = static_cast<std::int32_t>(dense);
    }
  }
  if (declared.reduce_labels) {
    // So far by reduced value; what a mask holds is one more, and its 0 has no class.
    std::ranges::rotate(table_, table_.end() - 1);
    table_[0] = kVoid;
    if (table_[kReducedVoid] == kUndeclared) {
      table_[kReducedVoid] = kVoid;
    }
  }
}

}  // namespace muster::pack
