// A model by its name: units for the parameter store, stored buffers, and named outputs for `muster forward`.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include "model/block.hpp"
#include "model/eomt_options.hpp"
#include "model/model_table.hpp"

namespace muster::model {

struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};

class Model {
 public:
  virtual ~Model() = default;

  virtual const std::string& name() const = 0;
  // With the variant that the model was built with.
  virtual const BackboneRow& backbone() const = 0;
  // `stem`, the blocks in order, `head`.
  virtual const std::vector<UnitSpec>& units() const = 0;
  // Stored tensors that are no parameters ("backbone.rope_embed.periods", "backbone.blocks.0.attn.qkv.bias_mask"), written to
  // and read from weight files: copy into them to load.
  virtual const std::vector<NamedTensor>& buffers() const = 0;
  // One pass in eval mode over normalised images [B, channels, H, W]: "cls" [B, D], "storage" [B, R, D] where R > 0, "patches" [B, P, D]
  // after the final norm, for EoMT "class_logits" and "mask_logits" too. `every_prediction` adds "class_logits.0", "mask_logits.0", ...: a
  // pass whose joint blocks all use their attention masks.
  virtual std::vector<NamedTensor> outputs(BlockRunner& runner, const at::Tensor& images, bool every_prediction = false) const = 0;
};

struct BuildOptions {
  at::ScalarType dtype = at::kFloat;  // of the buffers: that of the parameter store
  at::Device device = at::kCPU;       // at::kMeta: shapes only, nothing is allocated
  bool weights_follow = false;        // the caller loads all weights from a file: a name without -notpretrained is fine
  BackboneVariant variant = {};       // of the weight file or recipe; what it leaves open follows the name
};

// Throws ConfigError: an unknown name (with the nearest one), a name that needs weights where none are named, options that do
// not fit. `num_classes` counts the classes without "no object"; a bare backbone ignores it.
std::unique_ptr<Model> make_model(const std::string& name, const EomtOptions& options, int num_classes, const BuildOptions& build = {});

// Elements of all parameters, without the buffers.
std::int64_t parameter_count(const Model& model);

}  // namespace muster::model
