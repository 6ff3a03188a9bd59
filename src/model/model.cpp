#include "model/model.hpp"

#include "core/error.hpp"
#include "model/backbone.hpp"
#include "model/eomt.hpp"
#include "model/eomt_head.hpp"

namespace muster::model {
namespace {

// A backbone without a task: its head is the final norm.
class BareModel final : public Model {
 public:
  BareModel(std::string name, const BackboneRow& row, const EomtOptions& options, const BuildOptions& build)
      : name_(std::move(name)),
        backbone_(row, options, 0, build),
        final_norm_(std::make_shared<const HeadUnit>(HeadShape{.dim = row.dim, .norm_eps = row.norm_eps})),
        units_(backbone_.units()) {
    units_.push_back(final_norm_.unit());
  }

  const std::string& name() const override { return name_; }
  const BackboneRow& backbone() const override { return backbone_.row(); }
  const std::vector<UnitSpec>& units() const override { return units_; }
  const std::vector<NamedTensor>& buffers() const override { return backbone_.buffers(); }

  std::vector<NamedTensor> outputs(BlockRunner& runner, const at::Tensor& images, bool) const override {
    const PassKey key;
    BlockContext context;
    at::Tensor tokens = backbone_.stem(runner, images, context, key);
    for (int i = 0; i < backbone_.row().depth; ++i) {
      tokens = backbone_.block(runner, i, tokens, context, key);
    }
    return named_features(runner.run(final_norm_, {tokens}, context, key).at(0), 0, backbone_.row().storage_tokens);
  }

 private:
  std::string name_;
  Backbone backbone_;
  FinalNormBlock final_norm_;
  std::vector<UnitSpec> units_;
};

}  // namespace

std::unique_ptr<Model> make_model(const std::string& name, const EomtOptions& options, int num_classes, const BuildOptions& build) {
  validate(options);
  const ModelName parsed = parse_model_name(name);
  const BackboneRow row = varied(varied(*parsed.backbone, parsed.variant()), build.variant);
  const bool weights_named = !options.backbone_weights.empty() || !options.backbone_url.empty();
  if (parsed.pretrained && !weights_named && !build.weights_follow) {
    throw ConfigError(
        "model={} starts from published weights, {} ({}): name the file with model_args.backbone_weights, fetch it with `muster models "
        "fetch {}`, or use {}-notpretrained{} for random weights, or checkpoint=FILE of a Muster run",
        name, row.weights_file, row.license, row.name, row.name, parsed.eomt ? "-eomt" : "");
  }
  if (parsed.eomt) {
    return std::make_unique<EomtModel>(name, row, options, num_classes, build);
  }
  return std::make_unique<BareModel>(name, row, options, build);
}

std::int64_t parameter_count(const Model& model) {
  std::int64_t count = 0;
  for (const UnitSpec& unit : model.units()) {
    for (const ParameterInfo& parameter : unit.parameters) {
      count += parameter.numel();
    }
  }
  return count;
}

}  // namespace muster::model
