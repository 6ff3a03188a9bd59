#include "weights/form.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/ranges.h>

#include "core/error.hpp"
#include "weights/form_info.hpp"
#include "weights/form_table.hpp"

namespace muster::weights {
namespace {

constexpr std::array kNames{std::pair{Form::kMuster, "Muster"},
                            std::pair{Form::kMetaDinov2, "Meta DINOv2"},
                            std::pair{Form::kMetaDinov3, "Meta DINOv3"},
                            std::pair{Form::kHfDinov2, "Hugging Face Dinov2"},
                            std::pair{Form::kHfDinov2Registers, "Hugging Face Dinov2WithRegisters"},
                            std::pair{Form::kHfDinov3, "Hugging Face DINOv3ViT"},
                            std::pair{Form::kHfEomt, "Hugging Face Eomt"},
                            std::pair{Form::kHfEomtDinov3, "Hugging Face EomtDinov3"},
                            std::pair{Form::kUpstreamEomt, "upstream EoMT"},
                            std::pair{Form::kUpstreamEomtDelta, "upstream EoMT, differences to a DINOv3 backbone"},
                            std::pair{Form::kLightlyTrain, "LightlyTrain"}};

// A form and the tensors that only its files have; '*' stands for any text. The first of which all are there counts.
struct Mark {
  Form form;
  std::vector<std::string_view> names;
};
const std::vector<Mark>& marks() {
  static const std::vector<Mark> marks{
      {Form::kLightlyTrain, {"train_model/model.backbone.cls_token"}},
      {Form::kUpstreamEomtDelta, {"*network.encoder.backbone.patch_embed.cls_token"}},
      {Form::kUpstreamEomt, {"*network.encoder.backbone.cls_token", "*network.encoder.backbone.pos_embed"}},
      {Form::kHfEomt, {"query.weight", "embeddings.position_embeddings.weight"}},
      {Form::kHfEomtDinov3, {"query.weight", "embeddings.patch_embeddings.weight"}},
      {Form::kHfDinov2Registers, {"*embeddings.position_embeddings", "*embeddings.register_tokens"}},
      {Form::kHfDinov2, {"*embeddings.position_embeddings", "*embeddings.patch_embeddings.projection.weight"}},
      {Form::kHfDinov3, {"embeddings.cls_token", "embeddings.patch_embeddings.weight"}},
      {Form::kMuster, {"backbone.cls_token", "backbone.patch_embed.proj.weight"}},
      {Form::kMetaDinov3, {"*storage_tokens", "*patch_embed.proj.weight"}},
      {Form::kMetaDinov2, {"*pos_embed", "*mask_token", "*patch_embed.proj.weight"}},
  };
  return marks;
}

bool has_match(const TensorSource& source, std::string_view pattern) {
  return std::any_of(source.tensors().begin(), source.tensors().end(),
                     [&](const StoredTensor& tensor) { return matches(pattern, tensor.name); });
}

std::string some_names(const TensorSource& source) {
  constexpr std::size_t kShown = 4;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(kShown, source.tensors().size()); ++i) {
    names.push_back(source.tensors()[i].name);
  }
  return fmt::format("{}{}", fmt::join(names, ", "), source.tensors().size() > kShown ? ", ..." : "");
}

constexpr std::string_view kSatellite = "sat493m";

// Satellite weights have the shapes of the others; only a name tells them apart.
bool says_satellite(const TensorSource& source) {
  const io::Value* name = source.config().find("_name_or_path");
  return source.path().filename().string().find(kSatellite) != std::string::npos ||
         (name != nullptr && name->is_string() && name->as_string().find(kSatellite) != std::string::npos);
}

const model::BackboneRow& find_row(const TensorSource& source, const FileShape& shape, std::span<const model::BackboneRow> table,
                                   std::vector<std::string>& notes) {
  std::vector<const model::BackboneRow*> found;
  for (const model::BackboneRow& row : table) {
    if (fits(shape, row)) {
      found.push_back(&row);
    }
  }
  if (found.empty()) {
    throw DataError("{} holds {}, which no architecture of the table has; `muster models` lists them", source.path().string(),
                    describe(shape));
  }
  const auto satellite = [](const model::BackboneRow* row) { return row->name.find(kSatellite) != std::string_view::npos; };
  const bool wanted = says_satellite(source);
  const auto chosen = std::find_if(found.begin(), found.end(), [&](const model::BackboneRow* row) { return satellite(row) == wanted; });
  const bool ambiguous = std::any_of(found.begin(), found.end(), satellite);
  if (ambiguous) {
    notes.push_back(wanted ? fmt::format("taken for {}, because the file's name says {}", (*chosen)->name, kSatellite)
                           : fmt::format("taken for {}; the {} weights have the same shapes, and only a name that says so tells them apart",
                                         found.front()->name, kSatellite));
  }
  return chosen == found.end() ? *found.front() : **chosen;
}

// The table's grid: square, since no file says otherwise but ours.
std::pair<int, int> grid_of(const TensorSource& source, const FileShape& shape) {
  const std::int64_t entries = shape.positions - (shape.class_position ? 1 : 0);
  const auto side = static_cast<int>(std::lround(std::sqrt(static_cast<double>(entries))));
  if (std::int64_t{side} * side != entries) {
    throw DataError("{}: a position table of {} patches, which is no square; such a table can only be read from a file of Muster's",
                    source.path().string(), entries);
  }
  return {side, side};
}

model::BackboneVariant variant_of(const TensorSource& source, const FileShape& shape, const model::BackboneRow& row) {
  model::BackboneVariant variant;
  variant.patch = shape.patch == row.patch ? 0 : shape.patch;
  variant.channels = shape.channels == row.channels ? 0 : shape.channels;
  if (shape.positions > 0) {
    const auto [rows, columns] = grid_of(source, shape);
    variant.position_rows = rows == row.position_rows ? 0 : rows;
    variant.position_columns = columns == row.position_columns ? 0 : columns;
    variant.class_position = shape.class_position;
  }
  return variant;
}

}  // namespace

std::string_view form_name(Form form) {
  for (const auto& [known, name] : kNames) {
    if (known == form) {
      return name;
    }
  }
  throw InvariantError("form {} has no name", static_cast<int>(form));
}

// Forms of both families tell by their tensors.
model::Family family_of(Form form, const TensorSource& source) {
  switch (form) {
    case Form::kMetaDinov2:
    case Form::kHfDinov2:
    case Form::kHfDinov2Registers:
    case Form::kHfEomt:
      return model::Family::kDinov2;
    case Form::kMetaDinov3:
    case Form::kHfDinov3:
    case Form::kHfEomtDinov3:
    case Form::kUpstreamEomtDelta:
      return model::Family::kDinov3;
    default:
      return has_match(source, "*pos_embed") ? model::Family::kDinov2 : model::Family::kDinov3;
  }
}

bool fits(const FileShape& shape, const model::BackboneRow& row) {
  return shape.family == row.family && shape.dim == row.dim && shape.depth == row.depth && shape.feed_forward == row.feed_forward &&
         shape.hidden == row.hidden && shape.storage_tokens == row.storage_tokens && shape.qkv_bias == row.qkv_bias;
}

Form recognise_form(const TensorSource& source) {
  if (source.metadata().contains("muster")) {
    return Form::kMuster;
  }
  for (const Mark& mark : marks()) {
    if (std::all_of(mark.names.begin(), mark.names.end(), [&](std::string_view name) { return has_match(source, name); })) {
      return mark.form;
    }
  }
  std::vector<std::string_view> known;
  for (const auto& [form, name] : kNames) {
    known.emplace_back(name);
  }
  throw DataError(
      "{}: its {} tensors ({}) have the names of no program whose files are read: {}. A file of timm is converted by loading it "
      "there and taking Meta's or transformers' instead",
      source.path().string(), source.tensors().size(), some_names(source), fmt::join(known, ", "));
}

FileShape file_shape(const TensorSource& source, Form form) {
  const model::Family family = family_of(form, source);
  const NamedFile file(source, table_of(form, family));
  return shape_of(file, form, family);
}

namespace {

Recognised recognise_checked(const TensorSource& source, std::span<const model::BackboneRow> table) {
  Recognised result;
  result.form = recognise_form(source);
  result.shape = file_shape(source, result.form);
  result.eomt = result.shape.eomt;
  result.num_queries = result.shape.num_queries;
  result.num_classes = result.shape.num_classes;
  if (result.form == Form::kMuster && source.metadata().contains("muster")) {
    result.info = parse_weights_info(source.metadata().at("muster"), source.path().string());
    result.variant = result.info.variant;
    result.row = model::varied(row_named(result.info.model, table, source.path().string()), result.variant);
    result.num_joint_blocks = result.info.num_joint_blocks;
    return result;
  }
  const model::BackboneRow& row = find_row(source, result.shape, table, result.notes);
  result.variant = variant_of(source, result.shape, row);
  if (const double eps = norm_eps_of(source, result.form, row); eps != row.norm_eps) {
    result.variant.norm_eps = eps;
    result.notes.push_back(fmt::format("its layer norms have epsilon {}, by config.json; {} as published", eps, row.norm_eps));
  }
  result.row = model::varied(row, result.variant);
  check_config(source, result.form, result.row);
  result.num_joint_blocks = result.eomt ? joint_blocks_of(source, result.form, row, result.notes) : 0;
  result.info = info_of(source, result);
  return result;
}

}  // namespace

Recognised recognise(const TensorSource& source, std::span<const model::BackboneRow> table) {
  try {
    return recognise_checked(source, table);
  } catch (const ConfigError& error) {  // a value of config.json or of the file's own description
    throw DataError("{}: what stands beside its tensors cannot be used: {}", source.path().string(), error.what());
  }
}

}  // namespace muster::weights
