#include "weights/weights_info.hpp"

#include <algorithm>
#include <initializer_list>

#include "core/error.hpp"
#include "io/value.hpp"

namespace muster::weights {
namespace {

constexpr const char* kFormat = "muster-weights";
constexpr const char* kVersion = "1.0";

template <class T>
io::Value list_of(const T& items) {
  io::Value list = io::Value::list();
  for (const auto& item : items) {
    list.push_back(item);
  }
  return list;
}

io::Value class_value(const ClassEntry& entry) {
  return io::Value::map({{"id", entry.id},
                         {"name", entry.name},
                         {"color", io::Value(io::Value::List{int{entry.color[0]}, int{entry.color[1]}, int{entry.color[2]}})}});
}

ClassEntry parse_class(const io::Value& value) {
  ClassEntry entry{.id = static_cast<std::int32_t>(value.at("id").as_int()), .name = value.at("name").as_string(), .color = {}};
  const io::Value::List& color = value.at("color").as_list();
  if (color.size() != entry.color.size()) {
    throw DataError("class {}: a colour of {} numbers", entry.name, color.size());
  }
  for (std::size_t i = 0; i < color.size(); ++i) {
    entry.color[i] = static_cast<std::uint8_t>(color[i].as_int());
  }
  return entry;
}

// Every rule's key and member, with the names that this build obeys.
template <class Rules, class Function>
void for_each_rule(Rules& rules, const Function& function) {
  function("alpha", rules.alpha, {"drop"});
  function("grey", rules.grey, {"repeat"});
  function("cmyk", rules.cmyk, {"jpeg"});
  function("sixteen_bit", rules.sixteen_bit, {"v/257"});
  function("orientation", rules.orientation, {"exif", "ignore"});
  function("patch_remainder", rules.patch_remainder, {"drop", "refuse", "resize_up"});
}

using Names = std::initializer_list<std::string_view>;

io::Value rules_value(const ImageRules& rules) {
  io::Value value = io::Value::map();
  for_each_rule(rules, [&](const char* key, const std::string& name, Names) { value.set(key, name); });
  return value;
}

ImageRules parse_rules(const io::Value& value) {
  ImageRules rules;
  for_each_rule(rules, [&](const char* key, std::string& name, Names known) {
    name = value.at(key).as_string();
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw DataError("image rule {}={} is not known to this build; use the version of Muster that wrote the file", key, name);
    }
  });
  return rules;
}

TransformSettings parse_transform(const io::Value& value) {
  TransformSettings settings{.image_size = {}, .num_channels = static_cast<int>(value.at("num_channels").as_int()), .mean = {}, .std = {}};
  for (const io::Value& extent : value.at("image_size").as_list()) {
    settings.image_size.push_back(static_cast<int>(extent.as_int()));
  }
  for (const io::Value& mean : value.at("mean").as_list()) {
    settings.mean.push_back(mean.as_double());
  }
  for (const io::Value& deviation : value.at("std").as_list()) {
    settings.std.push_back(deviation.as_double());
  }
  return settings;
}

io::Value variant_value(const model::BackboneVariant& variant) {
  return io::Value::map({{"patch", variant.patch},
                         {"position", io::Value(io::Value::List{variant.position_rows, variant.position_columns})},
                         {"channels", variant.channels},
                         {"norm_eps", variant.norm_eps},
                         {"class_position", variant.class_position}});
}

model::BackboneVariant parse_variant(const io::Value& value) {
  const io::Value::List& position = value.at("position").as_list();
  if (position.size() != 2) {
    throw DataError("variant.position has {} numbers; rows and columns are wanted", position.size());
  }
  return {.patch = static_cast<int>(value.at("patch").as_int()),
          .position_rows = static_cast<int>(position[0].as_int()),
          .position_columns = static_cast<int>(position[1].as_int()),
          .channels = static_cast<int>(value.at("channels").as_int()),
          .norm_eps = value.at("norm_eps").as_double(),
          .class_position = value.at("class_position").as_bool()};
}

WeightsInfo parse(const io::Value& root) {
  if (root.at("format").as_string() != kFormat || root.at("version").as_string() != kVersion) {
    throw DataError("format {} version {}; this build reads {} {}", root.at("format").as_string(), root.at("version").as_string(), kFormat,
                    kVersion);
  }
  WeightsInfo info;
  info.task = root.at("task").as_string();
  info.model = root.at("model").as_string();
  if (const io::Value* variant = root.find("variant")) {
    info.variant = parse_variant(*variant);
  }
  info.form = root.at("form").as_string();
  info.upscale_norm_eps = root.at("upscale_norm_eps").as_double();
  info.num_queries = static_cast<int>(root.at("num_queries").as_int());
  info.num_joint_blocks = static_cast<int>(root.at("num_joint_blocks").as_int());
  for (const io::Value& entry : root.at("classes").as_list()) {
    info.classes.push_back(parse_class(entry));
  }
  for (const io::Value& id : root.at("ignored_classes").as_list()) {
    info.ignored_classes.push_back(static_cast<std::int32_t>(id.as_int()));
  }
  info.image_rules = parse_rules(root.at("image_rules"));
  info.transform = parse_transform(root.at("transform"));
  info.run_id = root.at("run_id").as_string();
  info.step = root.at("step").as_int();
  info.metric = root.at("metric").as_string();
  if (const io::Value& value = root.at("metric_value"); !value.is_null()) {
    info.metric_value = value.as_double();
  }
  if (const io::Value* source = root.find("source")) {
    info.source = {.file = source->at("file").as_string(), .form = source->at("form").as_string(), .hash = source->at("hash").as_string()};
  }
  return info;
}

}  // namespace

std::string to_json(const WeightsInfo& info) {
  io::Value classes = io::Value::list();
  for (const ClassEntry& entry : info.classes) {
    classes.push_back(class_value(entry));
  }
  io::Value root = io::Value::map({{"format", kFormat}, {"version", kVersion}, {"task", info.task}, {"model", info.model}});
  if (info.variant != model::BackboneVariant()) {
    root.set("variant", variant_value(info.variant));
  }
  root.set("form", info.form);
  root.set("upscale_norm_eps", info.upscale_norm_eps);
  root.set("num_queries", info.num_queries);
  root.set("num_joint_blocks", info.num_joint_blocks);
  root.set("classes", std::move(classes));
  root.set("ignored_classes", list_of(info.ignored_classes));
  root.set("image_rules", rules_value(info.image_rules));
  root.set("transform", io::Value::map({{"image_size", list_of(info.transform.image_size)},
                                        {"num_channels", info.transform.num_channels},
                                        {"mean", list_of(info.transform.mean)},
                                        {"std", list_of(info.transform.std)}}));
  root.set("run_id", info.run_id);
  root.set("step", info.step);
  root.set("metric", info.metric);
  root.set("metric_value", info.metric_value ? io::Value(*info.metric_value) : io::Value());
  if (info.source != Provenance()) {
    root.set("source", io::Value::map({{"file", info.source.file}, {"form", info.source.form}, {"hash", info.source.hash}}));
  }
  return io::to_json(root, -1);
}

WeightsInfo parse_weights_info(std::string_view json, const std::string& where) {
  try {
    return parse(io::parse_json(json, where));
  } catch (const Error& error) {
    throw DataError("{}: its description cannot be used: {}", where, error.what());
  }
}

}  // namespace muster::weights
