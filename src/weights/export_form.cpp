#include "weights/export_form.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <system_error>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <fmt/ranges.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "io/value.hpp"
#include "model/position.hpp"
#include "model/rope.hpp"
#include "weights/form_table.hpp"
#include "weights/hf_config.hpp"
#include "weights/scalar_types.hpp"
#include "weights/tensor_output.hpp"

namespace muster::weights {

namespace fs = std::filesystem;

namespace {

constexpr const char* kClassToken = "backbone.cls_token";
constexpr const char* kPositions = "backbone.pos_embed";
constexpr const char* kPeriods = "backbone.rope_embed.periods";
constexpr double kHfUpscaleEps = 1e-6;  // fixed in the code of transformers
constexpr int kDefaultImageSize = 224;

// Our tensors on their way into another form: as supplied, or replaced by values made for that form.
class Export {
 public:
  Export(const TensorSupply& supply, const model::BackboneRow& row, const ExportOptions& options)
      : supply_(supply), row_(row), options_(options) {
    for (std::size_t i = 0; i < supply.items.size(); ++i) {
      places_[supply.items[i].name] = i;
    }
  }

  bool has(const std::string& name) const { return places_.contains(name); }
  ScalarType type_of(ScalarType stored) const { return options_.dtype.value_or(stored); }

  // Whole, in its own type.
  at::Tensor read(const std::string& name) const {
    const auto found = places_.find(name);
    check(found != places_.end(), "no tensor {} to export", name);
    const TensorSupply::Item& item = supply_.items[found->second];
    at::Tensor tensor = at::empty(item.shape, at::TensorOptions(torch_type(item.dtype)));
    supply_.read(found->second, 0, tensor.numel(), item.dtype, tensor.data_ptr());
    return tensor;
  }
  void replace(const std::string& name, const at::Tensor& tensor) { replaced_[name] = tensor.contiguous(); }

  // A table's first entry is the class token's; where it was folded into the token, that entry is zero.
  void complete_class_position() {
    if (row_.learned_position() && !row_.class_position) {
      const at::Tensor table = read(kPositions);
      replace(kPositions, at::cat({at::zeros({1, 1, row_.dim}, table.options()), table}, 1));
    }
  }

  // Table of patches alone at a grid of `side` x `side`, the class token's entry added to the token.
  void bake_positions(std::string_view details, int side) {
    at::Tensor table = read(kPositions);
    table = model::position_at_grid(table, row_, model::position_resize(row_, details), side, side);
    if (row_.class_position) {
      replace(kClassToken, read(kClassToken) + table.narrow(1, 0, 1));
      table = table.narrow(1, 1, table.size(1) - 1);
    }
    replace(kPositions, table);
  }

  // transformers knows no bias mask: the biases are stored as they act. Names of blocks whose k keeps a bias.
  std::vector<std::string> apply_bias_masks() {
    std::vector<std::string> with_key_bias;
    for (int i = 0; row_.key_bias_mask() && i < row_.depth; ++i) {
      const std::string name = fmt::format("backbone.blocks.{}.attn.qkv.bias", i);
      const at::Tensor bias = read(name) * read(name + "_mask");
      if (bias.narrow(0, row_.dim, row_.dim).ne(0).any().item<bool>()) {
        with_key_bias.push_back(name);
      }
      replace(name, bias);
    }
    return with_key_bias;
  }

  // In the names of the form, in our order.
  std::vector<OutputTensor> renamed(const FormTable& table) const {
    std::vector<OutputTensor> outputs;
    for (std::size_t i = 0; i < supply_.items.size(); ++i) {
      const TensorSupply::Item& item = supply_.items[i];
      const std::optional<Translation> translation = translate(table, item.name);
      if (!translation) {
        throw ConfigError("{} has no place in the form to be written", item.name);
      }
      if (!translation->alternatives.empty()) {
        add_pieces(i, *translation, outputs);
      }
    }
    return outputs;
  }

  OutputTensor output(const std::string& name, const at::Tensor& tensor) const {
    const ScalarType type = type_of(stored_type(tensor.scalar_type()));
    return {.name = name, .dtype = type, .shape = tensor.sizes().vec(), .read = reader(tensor, 0, type)};
  }

 private:
  using Reader = std::function<void(std::int64_t, std::int64_t, void*)>;

  static Reader reader(const at::Tensor& tensor, std::int64_t offset, ScalarType type) {
    return [flat = tensor.contiguous().view({-1}), offset, type](std::int64_t begin, std::int64_t end, void* destination) {
      at::from_blob(destination, {end - begin}, at::TensorOptions(torch_type(type))).copy_(flat.slice(0, offset + begin, offset + end));
    };
  }
  Reader reader(std::size_t index, std::int64_t offset, ScalarType type) const {
    return [this, index, offset, type](std::int64_t begin, std::int64_t end, void* destination) {
      supply_.read(index, offset + begin, offset + end, type, destination);
    };
  }

  // The blocks of rows of one of our tensors, each under its own name; constants are not written.
  void add_pieces(std::size_t index, const Translation& translation, std::vector<OutputTensor>& outputs) const {
    const TensorSupply::Item& item = supply_.items[index];
    const std::vector<Piece>& pieces = translation.alternatives.front();
    const auto count = static_cast<std::int64_t>(pieces.size());
    const auto replaced = replaced_.find(item.name);
    std::vector<std::int64_t> shape = replaced == replaced_.end() ? item.shape : replaced->second.sizes().vec();
    if (count > 1) {
      check(shape.front() % count == 0, "{}: {} rows in {} pieces", item.name, shape.front(), count);
      shape.front() /= count;
    }
    if (translation.shaped == Shaped::kToken) {
      shape = {1, 1, shape.back()};
    } else if (translation.shaped == Shaped::kTable) {
      shape.erase(shape.begin());
    }
    for (std::int64_t i = 0; i < count; ++i) {
      const Piece& piece = pieces[static_cast<std::size_t>(i)];
      if (piece.name.empty()) {
        continue;
      }
      OutputTensor output{.name = piece.name, .dtype = type_of(item.dtype), .shape = shape, .read = {}};
      const std::int64_t offset = i * output.numel();
      output.read = replaced == replaced_.end() ? reader(index, offset, output.dtype) : reader(replaced->second, offset, output.dtype);
      outputs.push_back(std::move(output));
    }
  }

  const TensorSupply& supply_;
  const model::BackboneRow& row_;
  const ExportOptions& options_;
  std::map<std::string, std::size_t> places_;
  std::map<std::string, at::Tensor> replaced_;
};

// Refused unless options allow it; then it is reported.
void deviate(ExportReport& report, const ExportOptions& options, std::string sentence) {
  if (!options.allow_inexact) {
    throw ConfigError("{}; allow_inexact=true writes it nevertheless", sentence);
  }
  report.deviations.push_back(std::move(sentence));
}

void compare_periods(const Export& source, const model::BackboneRow& row, ExportReport& report) {
  if (!source.has(kPeriods)) {
    return;
  }
  const at::Tensor stored = source.read(kPeriods).to(at::kDouble);
  const at::Tensor exact = model::rope_periods(row.head_dim(), at::TensorOptions().dtype(at::kDouble));
  const double largest = (stored / exact - 1).abs().max().item<double>();
  constexpr double kFloatRounding = 1e-7;
  if (largest > kFloatRounding) {
    report.deviations.push_back(
        fmt::format("the RoPE periods are rounded in these weights, by up to {:.2g}; transformers computes them anew, as "
                    "in the published conversions",
                    largest));
  }
}

void compare_upscale_eps(const WeightsInfo& info, const ExportOptions& options, ExportReport& report) {
  const double eps = info.upscale_norm_eps;
  if (eps == kHfUpscaleEps) {
    return;
  }
  const auto factor = [&](double variance) { return std::sqrt((variance + eps) / (variance + kHfUpscaleEps)); };
  deviate(report, options,
          fmt::format(
              "the upscaling norms of these weights have epsilon {}, that of transformers is fixed at {}: normalised maps become larger by "
              "a factor of {:.5f} where their variance is 0.01, {:.4f} at 0.001 and {:.3f} at 0.0001",
              eps, kHfUpscaleEps, factor(1e-2), factor(1e-3), factor(1e-4)));
}

int square_size(const WeightsInfo& info, const char* why) {
  const std::vector<int>& size = info.transform.image_size;
  if (size.size() != 2 || size[0] != size[1] || size[0] < 1) {
    throw ConfigError("image_size {} x {}: {} takes square images alone; export with a square image_size", size.empty() ? 0 : size.front(),
                      size.empty() ? 0 : size.back(), why);
  }
  return size[0];
}

// Patches per side at that size, by the model's rule for what is left over.
int grid_side(const model::BackboneRow& row, const WeightsInfo& info, int size, ExportReport& report) {
  if (size % row.patch == 0) {
    return size / row.patch;
  }
  if (info.image_rules.patch_remainder != "resize_up") {
    throw ConfigError("image_size {} is no multiple of the patch of {} pixels; export with a multiple", size, row.patch);
  }
  const int side = size / row.patch + 1;
  report.deviations.push_back(
      fmt::format("positions are for {0} x {0} pixels, to which images of {1} x {1} are to be resized", side * row.patch, size));
  return side;
}

int count_upscale_blocks(const Export& source) {
  int count = 0;
  while (source.has(fmt::format("upscale.{}.conv1.weight", count))) {
    ++count;
  }
  return count;
}

// Buffers that transformers stores: no attention mask is drawn after training, and the loss's class weights by its rule.
void add_eomt_buffers(const Export& source, const WeightsInfo& info, std::vector<OutputTensor>& outputs) {
  constexpr double kNoObject = 0.1;
  outputs.push_back(source.output("attn_mask_probs", at::zeros({info.num_joint_blocks})));
  at::Tensor class_weights = at::ones({static_cast<std::int64_t>(info.classes.size()) + 1});
  class_weights.narrow(0, class_weights.numel() - 1, 1).fill_(kNoObject);
  outputs.push_back(source.output("criterion.empty_weight", class_weights));
}

// Image size for config.json; replaces what the form has otherwise.
int prepare(Export& source, Form form, const model::BackboneRow& row, const WeightsInfo& info, const ExportOptions& options,
            ExportReport& report) {
  if (row.family == model::Family::kDinov3) {
    if (const auto blocks = source.apply_bias_masks(); !blocks.empty()) {
      deviate(report, options,
              fmt::format("{} blocks have a bias on k ({}), which transformers leaves out", blocks.size(), blocks.front()));
    }
    compare_periods(source, row, report);
  }
  if (form == Form::kHfEomt) {
    const int side = grid_side(row, info, square_size(info, "EoMT of transformers"), report);
    source.bake_positions(info.form, side);
    return side * row.patch;
  }
  if (form == Form::kHfEomtDinov3) {
    if (row.feed_forward == model::FeedForward::kSwiglu) {
      deviate(report, options,
              "EoMT of transformers has one activation for DINOv3's gate and for its own heads: written is SiLU, so the heads' GELU "
              "becomes SiLU too");
    }
    return square_size(info, "EoMT of transformers");
  }
  if (form == Form::kHfDinov3) {
    const std::vector<int>& size = info.transform.image_size;
    return size.size() == 2 && size[0] == size[1] && size[0] > 0 ? size[0] : kDefaultImageSize;
  }
  if (row.position_rows != row.position_columns) {
    throw ConfigError("a position table of {} x {} patches: transformers' DINOv2 takes square ones alone", row.position_rows,
                      row.position_columns);
  }
  source.complete_class_position();
  if (form == Form::kHfDinov2 && model::position_resize(row, info.form) != model::PositionResize::kSize) {
    report.deviations.push_back(fmt::format("at other sizes than {} pixels transformers resamples positions without Meta's offset of 0.1",
                                            row.position_rows * row.patch));
  }
  return row.position_rows * row.patch;
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw_output_error("cannot make the folder", folder, error.value());
  }
}

void count(std::span<const OutputTensor> outputs, ExportReport& report) {
  report.tensors = static_cast<std::int64_t>(outputs.size());
  for (const OutputTensor& output : outputs) {
    report.bytes += static_cast<std::int64_t>(output.bytes());
  }
}

}  // namespace

TensorSupply supply_of(std::span<const model::NamedTensor> tensors) {
  TensorSupply supply;
  for (const model::NamedTensor& named : tensors) {
    supply.items.push_back({.name = named.name, .dtype = stored_type(named.tensor.scalar_type()), .shape = named.tensor.sizes().vec()});
  }
  supply.read = [tensors](std::size_t index, std::int64_t begin, std::int64_t end, ScalarType to, void* destination) {
    const at::Tensor flat = tensors[index].tensor.detach().reshape({-1});
    at::from_blob(destination, {end - begin}, at::TensorOptions(torch_type(to))).copy_(flat.slice(0, begin, end));
  };
  return supply;
}

TensorSupply supply_of(const LoadPlan& plan) {
  require_complete(plan);
  TensorSupply supply;
  for (const TensorRecipe& recipe : plan.tensors) {
    const auto stored = std::find_if(recipe.parts.begin(), recipe.parts.end(), [](const Part& part) { return part.tensor != nullptr; });
    supply.items.push_back(
        {.name = recipe.name, .dtype = stored == recipe.parts.end() ? ScalarType::kF32 : stored->tensor->dtype, .shape = recipe.shape});
  }
  supply.read = [&plan](std::size_t index, std::int64_t begin, std::int64_t end, ScalarType to, void* destination) {
    read_range(plan.tensors[index], begin, end, to, destination);
  };
  return supply;
}

ExportReport export_hf(const fs::path& folder, const model::BackboneRow& row, const TensorSupply& tensors, const WeightsInfo& description,
                       const ExportOptions& options) {
  ExportReport report;
  WeightsInfo info = description;
  if (options.image_size > 0) {
    info.transform.image_size = {options.image_size, options.image_size};
  }
  Export source(tensors, row, options);
  const bool eomt = source.has("queries.weight");
  const Form form = hf_form(row, eomt);
  if (eomt) {
    compare_upscale_eps(info, options, report);
  }
  HfSettings settings{
      .dtype = source.type_of(tensors.items.at(0).dtype), .image_size = 0, .num_upscale_blocks = count_upscale_blocks(source)};
  settings.image_size = prepare(source, form, row, info, options, report);
  const io::Value config = hf_config(form, row, info, settings);
  std::vector<OutputTensor> outputs = source.renamed(table_of(form, row.family));
  if (row.storage_tokens == 0 && form != Form::kHfDinov2) {
    outputs.push_back(source.output("embeddings.register_tokens", at::zeros({1, 0, row.dim})));
  }
  if (eomt) {
    add_eomt_buffers(source, info, outputs);
  }
  make_folder(folder);
  report.files =
      stream_shards(folder, outputs, static_cast<std::uint64_t>(options.max_shard_bytes), {{"format", "pt"}});  // transformers looks for it
  report.files.push_back(folder / "config.json");
  write_file_atomically(report.files.back(), io::to_json(config) + "\n");
  count(outputs, report);
  return report;
}

ExportReport export_meta(const fs::path& path, const model::BackboneRow& row, const TensorSupply& tensors, const ExportOptions& options) {
  ExportReport report;
  Export source(tensors, row, options);
  if (source.has("queries.weight")) {
    throw ConfigError("{}: Meta's names have none for EoMT's head; use format=hf or format=muster", path.string());
  }
  source.complete_class_position();
  const Form form = row.family == model::Family::kDinov2 ? Form::kMetaDinov2 : Form::kMetaDinov3;
  const std::vector<OutputTensor> outputs = source.renamed(table_of(form, row.family));
  if (path.extension() == ".safetensors") {
    stream_safetensors(path, outputs, {{"format", "pt"}});
  } else if (path.extension() == ".pth" || path.extension() == ".pt") {
    stream_torch(path, outputs);
  } else {
    throw ConfigError("out={}: Meta's names are written to FILE.pth or FILE.safetensors", path.string());
  }
  report.files = {path};
  count(outputs, report);
  return report;
}

ExportReport export_muster(const fs::path& path, const TensorSupply& tensors, const WeightsInfo& info, const ExportOptions& options) {
  ExportReport report;
  const model::BackboneRow any;
  Export source(tensors, any, options);
  const std::vector<OutputTensor> outputs = source.renamed(table_of(Form::kMuster, any.family));
  const std::map<std::string, std::string> metadata{{"muster", to_json(info)}};
  if (path.extension() == ".safetensors") {
    stream_safetensors(path, outputs, metadata);
    report.files = {path};
  } else {
    make_folder(path);
    report.files = stream_shards(path, outputs, static_cast<std::uint64_t>(options.max_shard_bytes), metadata);
  }
  count(outputs, report);
  return report;
}

}  // namespace muster::weights
