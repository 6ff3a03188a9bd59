#include "pack/class_file.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "core/error.hpp"
#include "io/value.hpp"
#include "pack/label_notes.hpp"

namespace muster::pack {
namespace {

constexpr std::int32_t kMaxPixelValue = 65535;

std::int32_t class_id(const std::string& key, const std::string& where) {
  std::int32_t id = -1;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
  if (error != std::errc() || end != key.data() + key.size()) {
    throw ConfigError("{}: the class id \"{}\" is no whole number; classes are written as `classes: {{0: name, 1: name}}`", where, key);
  }
  return id;
}

// Ids that are no class, ascending, each once.
std::vector<std::int32_t> void_values(std::vector<std::int32_t> ignored, const data::ClassList& classes, const std::string& where) {
  std::erase_if(ignored, [&](std::int32_t id) { return classes.dense_index(id).has_value(); });
  std::sort(ignored.begin(), ignored.end());
  ignored.erase(std::unique(ignored.begin(), ignored.end()), ignored.end());
  for (const std::int32_t id : ignored) {
    if (id < 0 || id > kMaxPixelValue) {
      throw ConfigError("{}: ignore_classes names {}, but pixel values lie in 0..{}", where, id, kMaxPixelValue);
    }
  }
  return ignored;
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

DeclaredClasses from_file(const std::string& path, std::vector<std::string>& notices) {
  const io::Value root = io::read_value_file(path);
  std::vector<std::pair<std::int32_t, std::string>> classes;
  for (const io::Value::Member& member : root.at("classes").as_map()) {
    classes.emplace_back(class_id(member.key, path), member.value.as_string());
  }
  std::vector<std::int32_t> ignored;
  if (const io::Value* list = root.find("ignore_classes"); list != nullptr && !list->is_null()) {
    for (const io::Value& id : list->as_list()) {
      ignored.push_back(static_cast<std::int32_t>(std::clamp<std::int64_t>(id.as_int(), -1, kMaxPixelValue + 1)));
    }
  }
  constexpr std::string_view kKnown[] = {"classes", "colors", "ignore_classes", "orientation", "void"};
  std::vector<std::string> unknown;
  for (const io::Value::Member& member : root.as_map()) {
    if (std::ranges::find(kKnown, member.key) == std::end(kKnown)) {
      unknown.push_back(member.key);
    }
  }
  if (!unknown.empty()) {
    notices.push_back(fmt::format("{}: only {} are read, not {}", path, fmt::join(kKnown, ", "), fmt::join(unknown, ", ")));
  }
  DeclaredClasses declared{.classes = data::make_class_list(std::move(classes)), .void_values = {}, .where = path};
  declared.void_values = void_values(std::move(ignored), declared.classes, path);
  if (const io::Value* colors = root.find("colors")) {
    take_colors(*colors, declared.classes, path);
  }
  return declared;
}

}  // namespace

DeclaredClasses declared_classes(const PackOptions& options, std::vector<std::string>& notices) {
  DeclaredClasses declared;
  if (!options.classes.empty()) {
    declared = from_file(options.classes, notices);
  } else if (const auto notes = options.data.classes.empty() ? shared_label_notes(options) : std::nullopt) {
    declared = from_file(notes->string(), notices);
  } else if (options.data.classes.empty()) {
    throw ConfigError("give either classes=FILE or data.classes in a recipe, got neither, and the masks bring no _muster/classes.yaml");
  } else {
    declared.where = "data.classes";
    declared.classes = data::make_class_list({options.data.classes.begin(), options.data.classes.end()});
    declared.void_values =
        void_values({options.data.ignore_classes.begin(), options.data.ignore_classes.end()}, declared.classes, "data.ignore_classes");
  }
  if (declared.classes.size() == 0) {
    throw ConfigError("{}: no classes; at least one `id: name` is wanted", declared.where);
  }
  return declared;
}

PixelTable::PixelTable(const DeclaredClasses& declared) : table_(kMaxPixelValue + 1, kUndeclared) {
  for (const std::int32_t value : declared.void_values) {
    table_[static_cast<std::size_t>(value)] = kVoid;
  }
  for (std::size_t dense = 0; dense < declared.classes.size(); ++dense) {
    table_[static_cast<std::size_t>(declared.classes.ids[dense])] = static_cast<std::int32_t>(dense);
  }
}

}  // namespace muster::pack
