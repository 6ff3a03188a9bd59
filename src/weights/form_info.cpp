#include "weights/form_info.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "core/error.hpp"
#include "image/overlay.hpp"
#include "model/patch_remainder.hpp"
#include "weights/hf_config.hpp"

namespace muster::weights {
namespace {

bool is_hf(Form form) {
  return form == Form::kHfDinov2 || form == Form::kHfDinov2Registers || form == Form::kHfDinov3 || form == Form::kHfEomt ||
         form == Form::kHfEomtDinov3;
}
bool is_hf_eomt(Form form) {
  return form == Form::kHfEomt || form == Form::kHfEomtDinov3;
}

// transformers leaves out of config.json what equals the default of the configuration's class.
struct HfDefaults {
  int heads, image_size, num_blocks;
  double layer_norm_eps;
};
HfDefaults hf_defaults(Form form) {
  switch (form) {
    case Form::kHfDinov3:
      return {.heads = 6, .image_size = 224, .num_blocks = 0, .layer_norm_eps = 1e-5};
    case Form::kHfEomt:
    case Form::kHfEomtDinov3:
      return {.heads = 16, .image_size = 640, .num_blocks = 4, .layer_norm_eps = 1e-6};
    default:
      return {.heads = 12, .image_size = 224, .num_blocks = 0, .layer_norm_eps = 1e-6};
  }
}

// A number of config.json, or the default; sizes may be written as [height, width].
double number(const io::Value& config, const char* key, double otherwise) {
  const io::Value* value = config.find(key);
  if (value == nullptr || value->is_null()) {
    return otherwise;
  }
  return value->is_list() && value->size() > 0 ? value->as_list().front().as_double() : value->as_double();
}

std::vector<double> numbers(const io::Value& list) {
  std::vector<double> result;
  for (const io::Value& value : list.as_list()) {
    result.push_back(value.as_double());
  }
  return result;
}

// {"0": "wall", ...} -> classes in the order of the map. A merged class of LightlyTrain is {"name": ..., "values": ...}.
void add_classes(const io::Value& map, std::vector<ClassEntry>& classes) {
  for (const io::Value::Member& member : map.as_map()) {
    const io::Value* name = member.value.is_map() ? member.value.find("name") : &member.value;
    if (name == nullptr) {
      throw DataError("class {} has no name", member.key);
    }
    std::int32_t id = 0;
    const char* end = member.key.data() + member.key.size();
    if (const auto [at, problem] = std::from_chars(member.key.data(), end, id); problem != std::errc() || at != end) {
      throw DataError("class id '{}' is no whole number", member.key);
    }
    classes.push_back({.id = id, .name = name->as_string(), .color = {}});
  }
}

void read_hf_config(const io::Value& config, Form form, WeightsInfo& info) {
  const int size = static_cast<int>(number(config, "image_size", hf_defaults(form).image_size));
  info.transform.image_size = {size, size};
  if (const io::Value* names = is_hf_eomt(form) ? config.find("id2label") : nullptr) {
    add_classes(*names, info.classes);
    std::sort(info.classes.begin(), info.classes.end(), [](const ClassEntry& a, const ClassEntry& b) { return a.id < b.id; });
  }
}

void read_lightly_train(const io::Value& values, WeightsInfo& info) {
  const io::Value* arguments = values.find("model_init_args");
  if (arguments == nullptr) {
    return;
  }
  if (arguments->find("thing_classes") != nullptr) {
    info.task = "panoptic_segmentation";
  }
  for (const char* key : {"classes", "thing_classes", "stuff_classes"}) {
    if (const io::Value* classes = arguments->find(key); classes != nullptr && classes->is_map()) {
      add_classes(*classes, info.classes);
    }
  }
  if (const io::Value* ignored = arguments->find("class_ignore_index");
      ignored != nullptr && !ignored->is_null() && ignored->as_int() >= 0) {
    info.ignored_classes.push_back(static_cast<std::int32_t>(ignored->as_int()));
  }
  if (const io::Value* size = arguments->find("image_size"); size != nullptr && size->is_list()) {
    info.transform.image_size.clear();
    for (const io::Value& extent : size->as_list()) {
      info.transform.image_size.push_back(static_cast<int>(extent.as_int()));
    }
  }
  if (const io::Value* normalize = arguments->find("image_normalize"); normalize != nullptr && normalize->is_map()) {
    info.transform.mean = numbers(normalize->at("mean"));
    info.transform.std = numbers(normalize->at("std"));
  }
}

// A class for every row of the class head, with a name of its own where the file has none; foreign files know no colours.
void complete_classes(const TensorSource& source, int count, WeightsInfo& info) {
  const auto named = static_cast<int>(info.classes.size());
  if (named != 0 && named != count) {
    throw DataError("{}: {} classes are named, the class head has {} and 'no object'", source.path().string(), named, count);
  }
  for (int i = named; i < count; ++i) {
    info.classes.push_back({.id = i, .name = fmt::format("class {}", i), .color = {}});
  }
  for (int i = 0; i < count; ++i) {
    info.classes[static_cast<std::size_t>(i)].color = image::class_colour(i);
  }
}

}  // namespace

std::string_view details_of(Form form) {
  if (form == Form::kUpstreamEomt || form == Form::kUpstreamEomtDelta || form == Form::kMetaDinov2 || form == Form::kMetaDinov3) {
    return "upstream";
  }
  return is_hf(form) ? "hf" : "lightly_train";
}

const model::BackboneRow& row_named(const std::string& model, std::span<const model::BackboneRow> table, const std::string& where) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const model::BackboneRow& row) {
    return model == row.name || model == std::string(row.name) + "-eomt" || model == std::string(row.name) + "-notpretrained" ||
           model == std::string(row.name) + "-notpretrained-eomt";
  });
  if (found != table.end()) {
    return *found;
  }
  try {
    return *model::parse_model_name(model).backbone;  // the other spelling
  } catch (const ConfigError& error) {
    throw DataError("{}: {}", where, error.what());
  }
}

double norm_eps_of(const TensorSource& source, Form form, const model::BackboneRow& row) {
  return source.config().is_map() && is_hf(form) ? number(source.config(), "layer_norm_eps", hf_defaults(form).layer_norm_eps)
                                                 : row.norm_eps;
}

void check_config(const TensorSource& source, Form form, const model::BackboneRow& row) {
  if (!is_hf(form) || !source.config().is_map()) {
    return;
  }
  const io::Value& config = source.config();
  const auto expect = [&](const char* key, double wanted, double otherwise) {
    if (const double value = number(config, key, otherwise); value != wanted) {
      throw DataError("{}: config.json says {}={}, where {} has {}; is it of another model than the tensors?", source.path().string(), key,
                      value, row.name, wanted);
    }
  };
  expect("num_attention_heads", row.heads, hf_defaults(form).heads);
  expect("rope_theta", 100, 100);
  const io::Value* stated = config.find("hidden_act");
  const std::string activation = stated == nullptr ? "gelu" : stated->as_string();
  if (activation != hf_activation(row)) {
    throw DataError("{}: config.json says hidden_act={}, where {} has {}, and no other is built", source.path().string(), activation,
                    row.name, hf_activation(row));
  }
  if (form == Form::kHfEomtDinov3 && activation != "gelu") {
    throw DataError("{}: config.json says hidden_act={}, which transformers uses in EoMT's heads too; heads with GELU alone are built",
                    source.path().string(), activation);
  }
}

int joint_blocks_of(const TensorSource& source, Form form, const model::BackboneRow& row, std::vector<std::string>& notes) {
  for (const StoredTensor& tensor : source.tensors()) {
    if (tensor.name.ends_with("attn_mask_probs")) {  // one probability per joint block
      return static_cast<int>(tensor.numel());
    }
  }
  if (is_hf_eomt(form) && source.config().is_map()) {
    return static_cast<int>(number(source.config(), "num_blocks", hf_defaults(form).num_blocks));
  }
  if (const io::Value* arguments = source.values().find("model_init_args")) {
    if (const io::Value* blocks = arguments->find("num_joint_blocks")) {
      return static_cast<int>(blocks->as_int());
    }
  }
  notes.push_back(fmt::format("the file does not say how many joint blocks it has; {} as published for {}", row.joint_blocks, row.name));
  return row.joint_blocks;
}

WeightsInfo info_of(const TensorSource& source, const Recognised& recognised) {
  WeightsInfo info;
  const model::BackboneRow& row = recognised.row;
  const int channels = row.channels;
  info.model = std::string(row.name) + (recognised.eomt ? "-eomt" : "");
  info.variant = recognised.variant;
  info.form = details_of(recognised.form);
  info.upscale_norm_eps = info.form == "lightly_train" ? 1e-5 : 1e-6;
  info.num_queries = recognised.num_queries;
  info.num_joint_blocks = recognised.num_joint_blocks;
  info.image_rules.patch_remainder = model::patch_remainder_name(model::patch_remainder(row, info.form));
  for (int i = 0; i < channels; ++i) {
    info.transform.mean.push_back(row.mean.at(static_cast<std::size_t>(i % 3)));
    info.transform.std.push_back(row.std.at(static_cast<std::size_t>(i % 3)));
  }
  if (row.learned_position()) {
    info.transform.image_size = {row.position_rows * row.patch, row.position_columns * row.patch};
  }
  if (is_hf(recognised.form) && source.config().is_map()) {
    read_hf_config(source.config(), recognised.form, info);
  }
  read_lightly_train(source.values(), info);
  info.transform.num_channels = static_cast<int>(info.transform.mean.size());
  complete_classes(source, recognised.num_classes, info);
  const std::filesystem::path& path = source.path();
  info.source = {.file = (path.has_filename() ? path : path.parent_path()).filename().string(),
                 .form = std::string(form_name(recognised.form)),
                 .hash = source.table_hash()};
  return info;
}

}  // namespace muster::weights
