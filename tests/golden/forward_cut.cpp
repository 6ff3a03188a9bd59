// The first blocks of a backbone over a weight file that holds no more than those: how models too large for a small machine are
// compared with their references (tools/golden/compare_full.py).
//
//   forward_cut FILE dinov3/vit7b16 BLOCKS INPUT.safetensors OUT.safetensors      both as `muster forward` reads and writes them
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include "core/error.hpp"
#include "io/safetensors.hpp"
#include "model/backbone.hpp"
#include "model/eomt_head.hpp"
#include "model/plain_runner.hpp"
#include "weights/form.hpp"
#include "weights/load_plan.hpp"
#include "weights/weight_file.hpp"

namespace muster {
namespace {

// A bare backbone of any row, also of one that the table does not have.
class CutModel final : public model::Model {
 public:
  CutModel(const model::BackboneRow& row, const model::EomtOptions& options)
      : backbone_(row, options, 0, {}),
        final_norm_(std::make_shared<const model::HeadUnit>(model::HeadShape{.dim = row.dim, .norm_eps = row.norm_eps})),
        units_(backbone_.units()) {
    units_.push_back(final_norm_.unit());
  }

  const std::string& name() const override { return name_; }
  const model::BackboneRow& backbone() const override { return backbone_.row(); }
  const std::vector<model::UnitSpec>& units() const override { return units_; }
  const std::vector<model::NamedTensor>& buffers() const override { return backbone_.buffers(); }

  std::vector<model::NamedTensor> outputs(model::BlockRunner& runner, const at::Tensor& images, bool) const override {
    const model::PassKey key;
    model::BlockContext context;
    at::Tensor tokens = backbone_.stem(runner, images, context, key);
    for (int i = 0; i < backbone_.row().depth; ++i) {
      tokens = backbone_.block(runner, i, tokens, context, key);
    }
    return model::named_features(runner.run(final_norm_, {tokens}, context, key).at(0), 0, backbone_.row().storage_tokens);
  }

 private:
  std::string name_ = "cut";
  model::Backbone backbone_;
  model::FinalNormBlock final_norm_;
  std::vector<model::UnitSpec> units_;
};

bool of_transformers(weights::Form form) {
  return form == weights::Form::kHfDinov2 || form == weights::Form::kHfDinov2Registers || form == weights::Form::kHfDinov3;
}

void forward(const std::filesystem::path& file, const std::string& name, int blocks, const std::filesystem::path& input,
             const std::filesystem::path& out) {
  model::BackboneRow row = *model::parse_model_name(name).backbone;
  row.depth = blocks;
  const weights::TensorSource source = weights::TensorSource::open(file);
  const weights::Form form = weights::recognise_form(source);
  model::EomtOptions options;
  options.form = of_transformers(form) ? "hf" : "lightly_train";
  const CutModel model(row, options);
  const model::ParameterStore parameters(model.units(), at::TensorOptions(at::kFloat), model::Gradients::kNone);
  const weights::LoadPlan plan = weights::plan_load(source, form, model);
  fmt::print("{}\n", plan.summary());
  weights::load(plan, weights::stored_tensors(model, parameters));

  const io::SafetensorsFile images(input);
  at::Tensor image = at::empty(images.info("input").shape, at::kFloat);
  images.read("input", image.mutable_data_ptr());
  const c10::NoGradGuard no_gradient;
  model::PlainRunner runner(parameters);
  std::vector<model::NamedTensor> outputs = model.outputs(runner, image, false);
  std::vector<io::TensorView> views;
  for (model::NamedTensor& output : outputs) {
    output.tensor = output.tensor.contiguous();
    views.push_back({.name = output.name,
                     .dtype = ScalarType::kF32,
                     .shape = output.tensor.sizes().vec(),
                     .data = static_cast<const std::byte*>(output.tensor.const_data_ptr()),
                     .bytes = output.tensor.nbytes()});
  }
  io::write_safetensors(out, views, {{"model", name}});
}

}  // namespace
}  // namespace muster

int main(int count, char** words) {
  if (count != 6) {
    fmt::print(stderr, "usage: forward_cut FILE MODEL BLOCKS INPUT.safetensors OUT.safetensors\n");
    return 2;
  }
  try {
    muster::forward(words[1], words[2], std::stoi(words[3]), words[4], words[5]);
  } catch (const std::exception& error) {
    fmt::print(stderr, "forward_cut: {}\n", error.what());
    return 1;
  }
  return 0;
}
