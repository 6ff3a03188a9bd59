#include "weights/load_plan.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <fmt/ranges.h>

#include "core/error.hpp"
#include "model/rope.hpp"
#include "weights/form_table.hpp"

namespace muster::weights {
namespace {

using Shape = std::vector<std::int64_t>;

constexpr std::string_view kTokenTensor = "backbone.cls_token";
constexpr std::string_view kPositionTensor = "backbone.pos_embed";
constexpr std::string_view kKernel = "backbone.patch_embed.proj.weight";
constexpr std::string_view kQueryTensor = "queries.weight";

std::int64_t product(const Shape& shape) {
  std::int64_t numel = 1;
  for (const std::int64_t length : shape) {
    numel *= length;
  }
  return numel;
}

// Tokens and tables differ in leading ones alone: [1, D] in one program, [1, 1, D] in another.
Shape without_leading_ones(const Shape& shape) {
  return {std::find_if(shape.begin(), shape.end(), [](std::int64_t length) { return length != 1; }), shape.end()};
}

std::string text(const Shape& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

bool is_weight_type(ScalarType type) {
  return type == ScalarType::kF32 || type == ScalarType::kF64 || type == ScalarType::kBF16 || type == ScalarType::kF16;
}

struct Wanted {
  std::string name;
  Shape shape;
};
std::vector<Wanted> wanted_of(const model::Model& model) {
  std::vector<Wanted> wanted;
  for (const model::UnitSpec& unit : model.units()) {
    for (const ParameterInfo& parameter : unit.parameters) {
      wanted.push_back({.name = parameter.name, .shape = parameter.shape});
    }
  }
  for (const model::NamedTensor& buffer : model.buffers()) {
    wanted.push_back({.name = buffer.name, .shape = buffer.tensor.sizes().vec()});
  }
  return wanted;
}

FileShape shape_of(const model::BackboneRow& row) {
  return {.family = row.family,
          .dim = row.dim,
          .depth = row.depth,
          .feed_forward = row.feed_forward,
          .hidden = row.hidden,
          .qkv_bias = row.qkv_bias,
          .storage_tokens = row.storage_tokens,
          .patch = row.patch,
          .channels = row.channels,
          .positions = row.position_entries(),
          .class_position = row.class_position};
}

// "another model's weights" in one sentence, before hundreds of shapes are compared.
void require_same_model(const TensorSource& file, Form form, const FileShape& shape, const model::BackboneRow& row,
                        const std::string& model_name) {
  if (fits(shape, row)) {
    return;
  }
  const auto rows = model::backbone_table();
  const auto other = std::find_if(rows.begin(), rows.end(), [&](const model::BackboneRow& known) { return fits(shape, known); });
  throw DataError("{} ({}) holds {}{}; the model {} is {}. Give it a file of its own{}", file.path().string(), form_name(form),
                  describe(shape), other == rows.end() ? "" : fmt::format(", which is {}", other->name), model_name,
                  describe(shape_of(row)), row.weights_file.empty() ? "" : fmt::format(", such as {}", row.weights_file));
}

// The parts of our tensors in one file.
class Planner {
 public:
  Planner(const TensorSource& file, Form form, const FileShape& shape, const model::BackboneRow& row)
      : file_(file, table_of(form, row.family)), shape_(shape), row_(row) {}

  const NamedFile& file() const { return file_; }
  const std::set<const StoredTensor*>& used() const { return used_; }

  // nullopt: the file has no such tensor, and nothing stands for it.
  std::optional<TensorRecipe> plan(const Wanted& wanted, bool resize_queries, LoadPlan& report) {
    const std::optional<Translation> translation = translate(file_.table(), wanted.name);
    if (!translation) {
      return std::nullopt;
    }
    TensorRecipe recipe{.name = wanted.name, .shape = wanted.shape, .parts = {}, .kernel = {}};
    const std::vector<NamedFile::FoundPiece> pieces = file_.find_pieces(*translation);
    if (pieces.empty()) {
      if (translation->without == Without::kMissing) {
        return std::nullopt;
      }
      make(recipe, translation->without, report);
      return recipe;
    }
    for (const NamedFile::FoundPiece& piece : pieces) {
      use(piece.tensor);
    }
    if (wanted.name == kPositionTensor) {
      positions(recipe, *pieces.front().tensor);
    } else if (wanted.name == kTokenTensor) {
      class_token(recipe, *pieces.front().tensor, report);
    } else if (wanted.name == kKernel) {
      kernel(recipe, *pieces.front().tensor, report);
    } else if (wanted.name == kQueryTensor && resize_queries) {
      queries(recipe, *pieces.front().tensor, report);
    } else {
      rows(recipe, pieces);
    }
    return recipe;
  }

  // Marks what stands for `ours` as seen; its names.
  std::vector<std::string> pass_over(const std::string& ours) {
    std::vector<std::string> names;
    if (const auto translation = translate(file_.table(), ours)) {
      for (const NamedFile::FoundPiece& piece : file_.find_pieces(*translation)) {
        if (piece.tensor != nullptr) {
          use(piece.tensor);
          names.push_back(piece.tensor->name);
        }
      }
    }
    return names;
  }

 private:
  void use(const StoredTensor* tensor) {
    if (tensor == nullptr) {
      return;
    }
    used_.insert(tensor);
    if (!is_weight_type(tensor->dtype)) {
      throw DataError("{}: tensor {} is of {}; weights are F32, F64, BF16 or F16. Save the file again in one of these", path(),
                      tensor->name, scalar_name(tensor->dtype));
    }
  }

  std::string path() const { return file_.source().path().string(); }

  Part part(const StoredTensor& tensor, std::int64_t begin, std::int64_t count) const {
    return {.source = &file_.source(), .tensor = &tensor, .begin = begin, .count = count};
  }
  static Part constant(double value, std::int64_t count) { return {.count = count, .constant = value}; }

  void require_shape(const StoredTensor& tensor, const Shape& wanted, const std::string& ours) const {
    if (without_leading_ones(tensor.shape) != without_leading_ones(wanted)) {
      throw DataError("{}: tensor {} is {}; {} of {} wants {}. The file is of another model, or damaged", path(), tensor.name,
                      text(tensor.shape), ours, row_.name, text(wanted));
    }
  }

  // The usual case: blocks of rows, one after the other.
  void rows(TensorRecipe& recipe, const std::vector<NamedFile::FoundPiece>& pieces) const {
    Shape shape = recipe.shape;
    const auto count = static_cast<std::int64_t>(pieces.size());
    if (count > 1) {
      check(shape.front() % count == 0, "{}: {} rows in {} pieces", recipe.name, shape.front(), count);
      shape.front() /= count;
    }
    for (const NamedFile::FoundPiece& piece : pieces) {
      if (piece.tensor == nullptr) {
        recipe.parts.push_back(constant(piece.constant, product(shape)));
      } else {
        require_shape(*piece.tensor, shape, recipe.name);
        recipe.parts.push_back(part(*piece.tensor, 0, product(shape)));
      }
    }
  }

  void make(TensorRecipe& recipe, Without without, LoadPlan& report) const {
    const std::int64_t numel = product(recipe.shape);
    const char* what = "zeros";
    if (without == Without::kKeyMask) {
      what = "1 for q and v, 0 for k";
      recipe.parts = {constant(1, numel / 3), constant(0, numel / 3), constant(1, numel / 3)};
    } else if (without == Without::kPeriods) {
      what = "computed, since the file has none";
      const at::Tensor periods = model::rope_periods(row_.head_dim(), at::TensorOptions().dtype(at::kDouble));
      check(periods.numel() == numel, "{} periods, {} wanted", periods.numel(), numel);
      for (std::int64_t i = 0; i < numel; ++i) {
        recipe.parts.push_back(constant(periods.const_data_ptr<double>()[i], 1));
      }
    } else {
      recipe.parts = {constant(0, numel)};
    }
    report.made.emplace_back(recipe.name, what);
  }

  // The first entry of the table is the class token's where there is one.
  void positions(TensorRecipe& recipe, const StoredTensor& table) const {
    const std::int64_t dim = row_.dim;
    const std::int64_t patches = shape_.positions - (shape_.class_position ? 1 : 0);
    if (patches != std::int64_t{row_.position_rows} * row_.position_columns) {
      throw DataError("{}: tensor {} has the positions of {} patches, the model was built for {} x {}; build it with the file's grid",
                      path(), table.name, patches, row_.position_rows, row_.position_columns);
    }
    require_shape(table, {1, shape_.positions, dim}, recipe.name);
    if (row_.class_position && !shape_.class_position) {
      recipe.parts.push_back(constant(0, dim));
    }
    const std::int64_t begin = shape_.class_position && !row_.class_position ? dim : 0;
    recipe.parts.push_back(part(table, begin, shape_.positions * dim - begin));
  }

  void class_token(TensorRecipe& recipe, const StoredTensor& token, LoadPlan& report) const {
    require_shape(token, recipe.shape, recipe.name);
    recipe.parts = {part(token, 0, row_.dim)};
    if (shape_.positions > 0 && shape_.class_position && !row_.class_position) {
      const auto table = translate(file_.table(), kPositionTensor);
      recipe.parts[0].plus_source = &file_.source();
      recipe.parts[0].plus = file_.find_pieces(*table).at(0).tensor;
      report.notes.emplace_back("the class token's position is added to the class token, since the model's table has no entry for it");
    }
  }

  void kernel(TensorRecipe& recipe, const StoredTensor& tensor, LoadPlan& report) const {
    const Shape from{row_.dim, shape_.channels, shape_.patch, shape_.patch};
    require_shape(tensor, from, recipe.name);
    recipe.parts = {part(tensor, 0, product(from))};
    if (from == recipe.shape) {
      return;
    }
    recipe.kernel = KernelChange{.from = from};
    if (shape_.patch != row_.patch) {
      report.notes.push_back(fmt::format("the patch kernel is resampled from {0} x {0} to {1} x {1} pixels", shape_.patch, row_.patch));
    }
    if (shape_.channels != row_.channels) {
      report.notes.push_back(fmt::format("the patch kernel's {} channels are {} to {}", shape_.channels,
                                         shape_.channels < row_.channels ? "repeated in turn" : "cut", row_.channels));
    }
  }

  void queries(TensorRecipe& recipe, const StoredTensor& tensor, LoadPlan& report) const {
    const std::int64_t dim = row_.dim, before = shape_.num_queries, now = recipe.shape.at(0);
    require_shape(tensor, {before, dim}, recipe.name);
    for (std::int64_t begin = 0; begin < now; begin += before) {
      recipe.parts.push_back(part(tensor, 0, std::min(before, now - begin) * dim));
    }
    if (before != now) {
      report.notes.push_back(fmt::format("the {} queries of the file are {} to {}", before, before > now ? "cut" : "repeated", now));
    }
  }

  NamedFile file_;
  FileShape shape_;
  const model::BackboneRow& row_;
  std::set<const StoredTensor*> used_;
};

// A delta's part over the base's parts of the same elements: cut where either ends.
std::vector<Part> added(const std::vector<Part>& deltas, const std::vector<Part>& bases) {
  std::vector<Part> sums;
  std::size_t next = 0;
  std::int64_t taken = 0;  // of bases[next]
  for (const Part& delta : deltas) {
    for (std::int64_t done = 0; done < delta.count;) {
      const Part& base = bases.at(next);
      const std::int64_t count = std::min(delta.count - done, base.count - taken);
      Part sum = delta;
      sum.begin += done;
      sum.count = count;
      if (delta.tensor != nullptr && base.tensor != nullptr) {
        sum.plus_source = base.source;
        sum.plus = base.tensor;
        sum.plus_begin = base.begin + taken;
      }
      sums.push_back(sum);
      done += count;
      taken += count;
      if (taken == base.count) {
        ++next;
        taken = 0;
      }
    }
  }
  return sums;
}

// The backbone to which a delta is added.
class Base {
 public:
  Base(const TensorSource& delta, const FileShape& delta_shape, const TensorSource& base, const model::Model& model)
      : path_(base.path().string()),
        form_(recognise_form(base)),
        planner_(base, form_, checked(delta, delta_shape, base, form_, model), model.backbone()) {}

  void add_to(TensorRecipe& recipe) {
    if (!recipe.name.starts_with("backbone.") ||
        std::all_of(recipe.parts.begin(), recipe.parts.end(), [](const Part& part) { return part.tensor == nullptr; })) {
      return;
    }
    LoadPlan ignored;  // what is said of the base is said of the delta too
    const std::optional<TensorRecipe> base = planner_.plan({.name = recipe.name, .shape = recipe.shape}, false, ignored);
    if (!base) {
      throw DataError("{}: no tensor for {}, which the differences are to be added to", path_, recipe.name);
    }
    recipe.parts = added(recipe.parts, base->parts);
  }

  std::string note() const { return fmt::format("the backbone is {} ({}) plus the file's differences", path_, form_name(form_)); }

 private:
  static FileShape checked(const TensorSource& delta, const FileShape& delta_shape, const TensorSource& base, Form form,
                           const model::Model& model) {
    if (form != Form::kMetaDinov3 && form != Form::kHfDinov3) {
      throw DataError("{} ({}) cannot be the base of {}: a DINOv3 backbone of Meta or Hugging Face is wanted", base.path().string(),
                      form_name(form), delta.path().string());
    }
    FileShape shape = file_shape(base, form);
    require_same_model(base, form, shape, model.backbone(), model.name());
    if (shape.patch != delta_shape.patch || shape.channels != delta_shape.channels) {
      throw DataError("{} has patches of {} pixels and {} channels, the differences of {} are for {} and {}", base.path().string(),
                      shape.patch, shape.channels, delta.path().string(), delta_shape.patch, delta_shape.channels);
    }
    return shape;
  }

  std::string path_;
  Form form_;
  Planner planner_;
};

// Tensors of EoMT's head in our names, with `upscale_blocks` upscaling blocks.
std::vector<std::string> head_names(int upscale_blocks) {
  std::vector<std::string> names{"queries.weight"};
  for (const char* layer : {"class_head", "mask_head.0", "mask_head.2", "mask_head.4"}) {
    names.push_back(std::string(layer) + ".weight");
    names.push_back(std::string(layer) + ".bias");
  }
  for (int i = 0; i < upscale_blocks; ++i) {
    for (const char* tensor : {"conv1.weight", "conv1.bias", "conv2.weight", "norm.weight", "norm.bias"}) {
      names.push_back(fmt::format("upscale.{}.{}", i, tensor));
    }
  }
  return names;
}

// The file's names that the model did not take: skipped by a rule of the form or of the recipe, or unexpected.
void sort_the_rest(const NamedFile& file, const FileShape& shape, const std::set<const StoredTensor*>& used, const LoadOptions& options,
                   LoadPlan& plan) {
  std::map<const StoredTensor*, std::string> ours;
  for (const std::string& name : head_names(shape.num_upscale_blocks)) {
    if (const auto translation = translate(file.table(), name)) {
      for (const NamedFile::FoundPiece& piece : file.find_pieces(*translation)) {
        ours[piece.tensor] = name;
      }
    }
  }
  const auto rule_of = [&](const StoredTensor& tensor) -> std::string {
    for (const SkipRow& row : file.table().skipped) {
      if (matches(row.pattern, tensor.name)) {
        return std::string(row.rule);
      }
    }
    const auto known = ours.find(&tensor);
    const bool allowed =
        matches_any(options.allow_unexpected, tensor.name) || (known != ours.end() && matches_any(options.allow_unexpected, known->second));
    return allowed ? "the recipe allows it" : "";
  };
  for (const StoredTensor& tensor : file.source().tensors()) {
    if (used.contains(&tensor)) {
      continue;
    }
    if (std::string rule = rule_of(tensor); !rule.empty()) {
      plan.skipped.emplace_back(tensor.name, std::move(rule));
    } else {
      plan.unexpected.push_back(tensor.name);
    }
  }
}

}  // namespace

std::int64_t TensorRecipe::numel() const noexcept {
  return product(shape);
}

std::vector<std::string> eomt_head_patterns() {
  return {"queries.*", "class_head.*", "mask_head.*", "upscale.*"};
}

LoadPlan plan_load(const TensorSource& file, Form form, const model::Model& model, const TensorSource* base, const LoadOptions& options) {
  LoadPlan plan;
  plan.form = form;
  plan.path = file.path().string();
  plan.hash = file.table_hash();
  const FileShape shape = file_shape(file, form);
  require_same_model(file, form, shape, model.backbone(), model.name());
  const bool delta = form == Form::kUpstreamEomtDelta;
  if (delta && base == nullptr) {
    throw DataError(
        "{}: its backbone is stored as differences to a published one; name that file too, {} or transformers' of the same model",
        plan.path, model.backbone().weights_file);
  }
  if (!delta && base != nullptr) {
    throw DataError("{} holds whole weights ({}), no differences that {} could be added to", plan.path, form_name(form),
                    base->path().string());
  }
  Planner planner(file, form, shape, model.backbone());
  std::optional<Base> backbone;
  if (delta) {
    backbone.emplace(file, shape, *base, model);
    plan.notes.push_back(backbone->note());
  }
  for (const Wanted& wanted : wanted_of(model)) {
    if (matches_any(options.keep, wanted.name)) {
      plan.kept.push_back(wanted.name);
      for (std::string& name : planner.pass_over(wanted.name)) {
        plan.skipped.emplace_back(std::move(name), "the recipe keeps the model's own values");
      }
    } else if (std::optional<TensorRecipe> recipe = planner.plan(wanted, options.resize_queries, plan)) {
      if (backbone) {
        backbone->add_to(*recipe);
      }
      plan.tensors.push_back(std::move(*recipe));
    } else {
      (matches_any(options.allow_missing, wanted.name) ? plan.kept : plan.missing).push_back(wanted.name);
    }
  }
  sort_the_rest(planner.file(), shape, planner.used(), options, plan);
  return plan;
}

const TensorRecipe& LoadPlan::recipe(std::string_view name) const {
  const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const TensorRecipe& recipe) { return recipe.name == name; });
  check(found != tensors.end(), "no recipe for tensor {} from {}", name, path);
  return *found;
}

bool LoadPlan::has(std::string_view name) const {
  return std::any_of(tensors.begin(), tensors.end(), [&](const TensorRecipe& recipe) { return recipe.name == name; });
}

}  // namespace muster::weights
