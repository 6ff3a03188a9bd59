// `muster forward`: one forward pass in eval mode with every named output, for parity checks and for debugging.
#include <filesystem>
#include <memory>
#include <vector>

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "app/command.hpp"
#include "app/model_source.hpp"
#include "core/atomic_file.hpp"
#include "data/transform.hpp"
#include "image/decode.hpp"
#include "image/orientation.hpp"
#include "io/safetensors.hpp"
#include "model/model_table.hpp"
#include "model/patch_remainder.hpp"

namespace muster::app {
namespace {

struct ForwardOptions {
  std::string model;
  std::string input;
  std::string out;
  bool train = false;
  std::string precision = "32-true";
  std::string base;
  std::int64_t seed = 0;
};
template <class Visitor>
void visit(Visitor& v, ForwardOptions& o) {
  v.field("model", o.model, any_value(), "weight file of any form, checkpoint, run, or a name that `muster models` lists");
  v.field("input", o.input, any_value(), "an image, or safetensors with `input` [B,C,H,W] fp32, already normalised");
  v.field("out", o.out, any_value(), "the file to write, FILE.safetensors");
  v.field("train", o.train, any_value(), "add each intermediate prediction: class_logits.0, mask_logits.0, ...");
  v.field("precision", o.precision, one_of({"32-true", "64-true"}),
          "number format of the pass; weights stay in the file's until they are used");
  v.field("base", o.base, any_value(), "backbone file of upstream EoMT's DINOv3 files; empty = from the cache");
  v.field("seed", o.seed, between(0, 4294967295.0), "of the weights that an architecture name leaves open");
}
void validate(const ForwardOptions& o) {
  if (o.model.empty() || o.input.empty() || o.out.empty()) {
    throw ConfigError("{} is not set; a forward pass takes model=runs/a input=photo.jpg out=outputs.safetensors", o.model.empty() ? "model"
                                                                                                                  : o.input.empty()
                                                                                                                      ? "input"
                                                                                                                      : "out");
  }
  if (!o.out.ends_with(".safetensors")) {
    throw ConfigError("out={} should end in .safetensors, the format that is written", o.out);
  }
}

constexpr const char* kForwardUsage =
    "  muster forward model=FILE|RUN|NAME input=FILE out=FILE.safetensors\n\n"
    "Example: launch/muster forward model=dinov3/vitt16-notpretrained input=datasets/sample/val/images/IMAGE.jpg out=runs/out.safetensors\n"
    "A weight file stays in its own type, and is cast unit by unit, so that bf16 weights need two bytes each.\n"
    "Outputs in fp32 (fp64 with precision=64-true): cls [B,D], storage [B,R,D], patches [B,N,D] after the final norm; for EoMT "
    "class_logits [B,Q,C+1] and\n"
    "mask_logits [B,Q,h,w]. An image is taken at its own size, its right and bottom rest below one patch dropped.\n";

at::Tensor tensor_input(const std::string& path) {
  const io::SafetensorsFile file{std::filesystem::path(path)};
  const auto& entry = file.info("input");
  if ((entry.dtype != ScalarType::kF32 && entry.dtype != ScalarType::kF64) || entry.shape.size() != 4) {
    throw DataError("{}: `input` is {} with {} dims; wanted F32 or F64 [B,C,H,W]", path, scalar_name(entry.dtype), entry.shape.size());
  }
  at::Tensor input = at::empty(entry.shape, entry.dtype == ScalarType::kF32 ? at::kFloat : at::kDouble);
  file.read("input", input.data_ptr());
  return input;
}

at::Tensor image_input(const std::string& path, const weights::WeightsInfo& info) {
  const std::string text = read_file(path);
  const auto bytes = std::as_bytes(std::span(text));
  const image::Image picture = image::apply_orientation(image::decode_rgb(bytes, path), image::probe(bytes, path).exif_orientation);
  at::Tensor input = at::empty({1, 3, picture.height, picture.width}, at::kFloat);
  data::normalise_into(picture, input.data_ptr<float>(), info.transform.mean, info.transform.std);
  return input;
}

void check_input(const at::Tensor& input, const model::BackboneRow& row, const std::string& path) {
  if (input.size(1) != row.channels || input.size(2) < row.patch || input.size(3) < row.patch) {
    throw DataError("{}: an input of {} channels and {}x{} pixels; the model takes {} channels and at least one patch of {}x{}", path,
                    input.size(1), input.size(2), input.size(3), row.channels, row.patch, row.patch);
  }
}

ExitCode run_forward(const ForwardOptions& options, const io::Value&, const Arguments&) {
  const at::ScalarType compute = options.precision == "64-true" ? at::kDouble : at::kFloat;
  const LoadedModel loaded = load_or_draw_model(options.model, static_cast<std::uint64_t>(options.seed),
                                                {.keep_type = true, .compute = compute, .base = options.base, .load = {}});
  const at::Tensor input = options.input.ends_with(".safetensors") ? tensor_input(options.input) : image_input(options.input, loaded.info);
  check_input(input, loaded.model->backbone(), options.input);
  const model::BackboneRow& row = loaded.model->backbone();
  const model::PatchRemainder rule = model::patch_remainder(row, loaded.info.form);
  if (const std::string warning = model::dropped_pixels_warning(row, rule, input.size(2), input.size(3)); !warning.empty()) {
    spdlog::warn("{}: {}", options.input, warning);
  }
  const c10::InferenceMode no_gradients;
  const std::unique_ptr<model::BlockRunner> runner = loaded.runner(compute);
  std::vector<model::NamedTensor> outputs = loaded.model->outputs(*runner, input.to(compute), options.train);
  std::vector<io::TensorView> views;
  for (model::NamedTensor& output : outputs) {
    output.tensor = output.tensor.to(compute).contiguous();
    views.push_back({.name = output.name,
                     .dtype = compute == at::kFloat ? ScalarType::kF32 : ScalarType::kF64,
                     .shape = output.tensor.sizes().vec(),
                     .data = static_cast<const std::byte*>(output.tensor.const_data_ptr()),
                     .bytes = output.tensor.nbytes()});
    fmt::print("{:<16} [{}]\n", output.name, fmt::join(output.tensor.sizes(), ", "));
  }
  io::write_safetensors(options.out, views, {{"model", loaded.info.model}});
  return ExitCode::kDone;
}

}  // namespace

Command forward_command() {
  return make_command<ForwardOptions>("forward", "run one forward pass and store every output", kForwardUsage, run_forward);
}

}  // namespace muster::app
