// Weight files of other programs, with the names that these programs give their tensors written out, and small models for them.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include "io/safetensors.hpp"
#include "io/torch_file_write.hpp"
#include "model/backbone.hpp"
#include "model/eomt.hpp"
#include "model/model.hpp"
#include "model/tiny_model.hpp"
#include "weights/load_plan.hpp"
#include "weights/scalar_types.hpp"

namespace muster::weights::testing_support {

// 2 blocks of width 16; the giant's feed-forward has 48 = (4 * 16 * 2/3, rounded up to 8).
inline model::BackboneRow tiny_row(model::Family family, model::FeedForward feed_forward = model::FeedForward::kMlp) {
  const bool v2 = family == model::Family::kDinov2;
  return {.name = v2 ? "dinov2/tiny" : "dinov3/tiny",
          .dim = 16,
          .depth = 2,
          .heads = 2,
          .feed_forward = feed_forward,
          .hidden = feed_forward == model::FeedForward::kMlp ? 64 : 48,
          .joint_blocks = 1,
          .weights_file = "tiny.pth",
          .patch = v2 ? 14 : 16,
          .storage_tokens = 4,
          .norm_eps = v2 ? 1e-6 : 1e-5,
          .family = family,
          .position_rows = v2 ? 5 : 0,
          .position_columns = v2 ? 5 : 0};
}

// What a model stores, without a pass. EoMT where `queries` > 0.
class TinyModel final : public model::Model {
 public:
  TinyModel(const model::BackboneRow& row, int queries = 0, int classes = 0)
      : name_(std::string(row.name) + (queries > 0 ? "-eomt" : "")), row_(row) {
    model::EomtOptions options;
    if (queries > 0) {
      options.num_queries = queries;
      const model::EomtModel eomt(name_, row, options, classes, {.weights_follow = true});
      units_ = eomt.units();
      buffers_ = eomt.buffers();
    } else {
      const model::Backbone backbone(row, options, 0, {.weights_follow = true});
      units_ = backbone.units();
      units_.push_back(model::HeadUnit(model::HeadShape{.dim = row.dim, .norm_eps = row.norm_eps}).spec);
      buffers_ = backbone.buffers();
    }
    for (const model::UnitSpec& unit : units_) {
      for (const ParameterInfo& parameter : unit.parameters) {
        stored_.push_back({.name = parameter.name, .tensor = at::full(parameter.shape, -77.0, at::kFloat)});
      }
    }
    for (const model::NamedTensor& buffer : buffers_) {
      stored_.push_back({.name = buffer.name, .tensor = at::full(buffer.tensor.sizes(), -77.0, at::kFloat)});
    }
  }

  const std::string& name() const override { return name_; }
  const model::BackboneRow& backbone() const override { return row_; }
  const std::vector<model::UnitSpec>& units() const override { return units_; }
  const std::vector<model::NamedTensor>& buffers() const override { return buffers_; }
  std::vector<model::NamedTensor> outputs(model::BlockRunner&, const at::Tensor&, bool) const override { return {}; }

  // Parameters and buffers, -77 at first.
  const std::vector<model::NamedTensor>& stored() const { return stored_; }
  at::Tensor operator[](const std::string& name) const {
    for (const model::NamedTensor& named : stored_) {
      if (named.name == name) {
        return named.tensor;
      }
    }
    throw std::out_of_range(name);
  }
  // Values that depend on the names alone; no bias on k, no mask but 1, 0, 1, exact periods, as Hugging Face's files imply.
  void fill_as_hf() const {
    for (const auto& [name, tensor] : stored_) {
      if (name.ends_with("bias_mask")) {
        tensor.fill_(1).view({3, -1})[1].zero_();
      } else if (name.ends_with("periods")) {
        tensor.copy_(model::rope_periods(row_.head_dim(), at::TensorOptions().dtype(at::kDouble)));
      } else {
        tensor.copy_(model::random_tensor(name, tensor.sizes(), at::kFloat));
      }
      if (name.ends_with("qkv.bias") && row_.family == model::Family::kDinov3) {
        tensor.view({3, -1})[1].zero_();
      }
      if (name.ends_with("mask_token")) {
        tensor.zero_();
      }
    }
  }

 private:
  std::string name_;
  model::BackboneRow row_;
  std::vector<model::UnitSpec> units_;
  std::vector<model::NamedTensor> buffers_;
  std::vector<model::NamedTensor> stored_;
};

// Tensors in the order in which they were added, with random values by name.
class ForeignFile {
 public:
  void add(const std::string& name, at::IntArrayRef shape) { tensors_.emplace_back(name, model::random_tensor(name, shape, at::kFloat)); }
  void add_linear(const std::string& name, std::int64_t out, std::int64_t in) {
    add(name + ".weight", {out, in});
    add(name + ".bias", {out});
  }
  void add_norm(const std::string& name, std::int64_t dim) {
    add(name + ".weight", {dim});
    add(name + ".bias", {dim});
  }
  at::Tensor& operator[](const std::string& name) {
    for (auto& [known, tensor] : tensors_) {
      if (known == name) {
        return tensor;
      }
    }
    throw std::out_of_range(name);
  }
  void remove(const std::string& name) {
    std::erase_if(tensors_, [&](const auto& named) { return named.first == name; });
  }
  ForeignFile prefixed(const std::string& prefix) const {
    ForeignFile file = *this;
    for (auto& [name, tensor] : file.tensors_) {
      name = prefix + name;
    }
    return file;
  }
  void append(const ForeignFile& other) { tensors_.insert(tensors_.end(), other.tensors_.begin(), other.tensors_.end()); }
  std::set<std::string> names() const {
    std::set<std::string> names;
    for (const auto& [name, tensor] : tensors_) {
      names.insert(name);
    }
    return names;
  }

  TensorSource safetensors(const std::filesystem::path& path, const std::string& config = "") const {
    std::vector<io::TensorView> views;
    for (const auto& [name, tensor] : tensors_) {
      views.push_back({.name = name,
                       .dtype = tensor.scalar_type() == at::kLong ? ScalarType::kI64 : stored_type(tensor.scalar_type()),
                       .shape = tensor.sizes().vec(),
                       .data = static_cast<const std::byte*>(tensor.const_data_ptr()),
                       .bytes = tensor.nbytes()});
    }
    std::filesystem::create_directories(path.parent_path());
    io::write_safetensors(path, views);
    if (!config.empty()) {
      write_file_atomically(path.parent_path() / "config.json", config);
    }
    return TensorSource::open(path);
  }
  TensorSource torch(const std::filesystem::path& path) const {
    std::vector<io::TorchTensorHeader> headers;
    for (const auto& [name, tensor] : tensors_) {
      headers.push_back({.name = name, .dtype = stored_type(tensor.scalar_type()), .shape = tensor.sizes().vec()});
    }
    io::TorchFileWriter writer(path, headers);
    for (const auto& [name, tensor] : tensors_) {
      writer.write(tensor.const_data_ptr(), tensor.nbytes());
    }
    writer.commit();
    return TensorSource::open(path);
  }

 private:
  std::vector<std::pair<std::string, at::Tensor>> tensors_;
};

constexpr std::int64_t kDim = 16, kHidden = 64, kGiantHidden = 48, kQueries = 3, kClasses = 2;

inline std::string numbered(const std::string& start, int i, const std::string& end) {
  return start + std::to_string(i) + end;
}

// facebookresearch/dinov2; `blocks` is "blocks." or, from chunked training, "blocks.0.".
inline ForeignFile meta_dinov2(std::int64_t registers, const std::string& blocks = "blocks.", bool giant = false) {
  ForeignFile file;
  file.add("cls_token", {1, 1, kDim});
  file.add("pos_embed", {1, 26, kDim});
  if (registers > 0) {
    file.add("register_tokens", {1, registers, kDim});
  }
  file.add("mask_token", {1, kDim});
  file.add("patch_embed.proj.weight", {kDim, 3, 14, 14});
  file.add("patch_embed.proj.bias", {kDim});
  for (int i = 0; i < 2; ++i) {
    const std::string block = numbered(blocks, i, ".");
    file.add_norm(block + "norm1", kDim);
    file.add_linear(block + "attn.qkv", 3 * kDim, kDim);
    file.add_linear(block + "attn.proj", kDim, kDim);
    file.add(block + "ls1.gamma", {kDim});
    file.add_norm(block + "norm2", kDim);
    if (giant) {
      file.add_linear(block + "mlp.w12", 2 * kGiantHidden, kDim);
      file.add_linear(block + "mlp.w3", kDim, kGiantHidden);
    } else {
      file.add_linear(block + "mlp.fc1", kHidden, kDim);
      file.add_linear(block + "mlp.fc2", kDim, kHidden);
    }
    file.add(block + "ls2.gamma", {kDim});
  }
  file.add_norm("norm", kDim);
  return file;
}

// facebookresearch/dinov3
inline ForeignFile meta_dinov3(bool swiglu = false) {
  ForeignFile file;
  file.add("cls_token", {1, 1, kDim});
  file.add("storage_tokens", {1, 4, kDim});
  file.add("mask_token", {1, kDim});
  file.add("patch_embed.proj.weight", {kDim, 3, 16, 16});
  file.add("patch_embed.proj.bias", {kDim});
  file.add("rope_embed.periods", {2});
  for (int i = 0; i < 2; ++i) {
    const std::string block = numbered("blocks.", i, ".");
    file.add_norm(block + "norm1", kDim);
    file.add_linear(block + "attn.qkv", 3 * kDim, kDim);
    file.add(block + "attn.qkv.bias_mask", {3 * kDim});
    file.add_linear(block + "attn.proj", kDim, kDim);
    file.add(block + "ls1.gamma", {kDim});
    file.add_norm(block + "norm2", kDim);
    if (swiglu) {
      file.add_linear(block + "mlp.w1", kGiantHidden, kDim);
      file.add_linear(block + "mlp.w2", kGiantHidden, kDim);
      file.add_linear(block + "mlp.w3", kDim, kGiantHidden);
    } else {
      file.add_linear(block + "mlp.fc1", kHidden, kDim);
      file.add_linear(block + "mlp.fc2", kDim, kHidden);
    }
    file.add(block + "ls2.gamma", {kDim});
  }
  file.add_norm("norm", kDim);
  return file;
}

// transformers' Dinov2Model and Dinov2WithRegistersModel, in the names of published files or of the classes of version 5.
inline ForeignFile hf_dinov2(std::int64_t registers, bool version_5 = false, bool giant = false) {
  ForeignFile file;
  file.add("embeddings.cls_token", {1, 1, kDim});
  file.add("embeddings.mask_token", {1, kDim});
  if (registers > 0) {
    file.add("embeddings.register_tokens", {1, registers, kDim});
  }
  file.add("embeddings.position_embeddings", {1, 26, kDim});
  file.add("embeddings.patch_embeddings.projection.weight", {kDim, 3, 14, 14});
  file.add("embeddings.patch_embeddings.projection.bias", {kDim});
  for (int i = 0; i < 2; ++i) {
    const std::string layer = numbered("encoder.layer.", i, ".");
    file.add_norm(layer + "norm1", kDim);
    for (const char* part : {"query", "key", "value"}) {
      file.add_linear(layer + (version_5 ? std::string("attention.") + part[0] + "_proj" : std::string("attention.attention.") + part),
                      kDim, kDim);
    }
    file.add_linear(layer + (version_5 ? "attention.o_proj" : "attention.output.dense"), kDim, kDim);
    file.add(layer + "layer_scale1.lambda1", {kDim});
    file.add_norm(layer + "norm2", kDim);
    if (giant && version_5) {
      file.add_linear(layer + "mlp.gate_proj", kGiantHidden, kDim);
      file.add_linear(layer + "mlp.up_proj", kGiantHidden, kDim);
      file.add_linear(layer + "mlp.down_proj", kDim, kGiantHidden);
    } else if (giant) {
      file.add_linear(layer + "mlp.weights_in", 2 * kGiantHidden, kDim);
      file.add_linear(layer + "mlp.weights_out", kDim, kGiantHidden);
    } else {
      file.add_linear(layer + "mlp.fc1", kHidden, kDim);
      file.add_linear(layer + "mlp.fc2", kDim, kHidden);
    }
    file.add(layer + "layer_scale2.lambda1", {kDim});
  }
  file.add_norm("layernorm", kDim);
  return file;
}

// The blocks of transformers' DINOv3 classes, under any prefix.
inline void add_hf_dinov3_block(ForeignFile& file, const std::string& layer, bool swiglu = false) {
  file.add_norm(layer + "norm1", kDim);
  for (const char* part : {"q_proj", "k_proj", "v_proj"}) {
    file.add(layer + "attention." + part + ".weight", {kDim, kDim});
  }
  file.add(layer + "attention.q_proj.bias", {kDim});
  file.add(layer + "attention.v_proj.bias", {kDim});
  file.add_linear(layer + "attention.o_proj", kDim, kDim);
  file.add(layer + "layer_scale1.lambda1", {kDim});
  file.add_norm(layer + "norm2", kDim);
  const std::int64_t hidden = swiglu ? kGiantHidden : kHidden;
  if (swiglu) {
    file.add_linear(layer + "mlp.gate_proj", hidden, kDim);
  }
  file.add_linear(layer + "mlp.up_proj", hidden, kDim);
  file.add_linear(layer + "mlp.down_proj", kDim, hidden);
  file.add(layer + "layer_scale2.lambda1", {kDim});
}

// transformers' DINOv3ViTModel; `layers` is "layer." in published files, "model.layer." in those of version 5.
inline ForeignFile hf_dinov3(bool swiglu = false, const std::string& layers = "layer.") {
  ForeignFile file;
  file.add("embeddings.cls_token", {1, 1, kDim});
  file.add("embeddings.mask_token", {1, 1, kDim});
  file.add("embeddings.register_tokens", {1, 4, kDim});
  file.add("embeddings.patch_embeddings.weight", {kDim, 3, 16, 16});
  file.add("embeddings.patch_embeddings.bias", {kDim});
  for (int i = 0; i < 2; ++i) {
    add_hf_dinov3_block(file, numbered(layers, i, "."), swiglu);
  }
  file.add_norm("norm", kDim);
  return file;
}

// EoMT's heads as transformers names them.
inline void add_hf_heads(ForeignFile& file) {
  file.add("query.weight", {kQueries, kDim});
  file.add_linear("class_predictor", kClasses + 1, kDim);
  for (const char* layer : {"mask_head.fc1", "mask_head.fc2", "mask_head.fc3"}) {
    file.add_linear(layer, kDim, kDim);
  }
  for (int i = 0; i < 2; ++i) {
    const std::string block = numbered("upscale_block.block.", i, ".");
    file.add(block + "conv1.weight", {kDim, kDim, 2, 2});
    file.add(block + "conv1.bias", {kDim});
    file.add(block + "conv2.weight", {kDim, 1, 3, 3});
    file.add_norm(block + "layernorm2d", kDim);
  }
  file.add("attn_mask_probs", {1});
  file.add("criterion.empty_weight", {kClasses + 1});
}

// transformers' EomtForUniversalSegmentation on a grid of 3 x 3
inline ForeignFile hf_eomt(bool giant = false) {
  ForeignFile file;
  file.add("embeddings.cls_token", {1, 1, kDim});
  file.add("embeddings.register_tokens", {1, 4, kDim});
  file.add("embeddings.position_embeddings.weight", {9, kDim});
  file.add("embeddings.patch_embeddings.projection.weight", {kDim, 3, 16, 16});
  file.add("embeddings.patch_embeddings.projection.bias", {kDim});
  for (int i = 0; i < 2; ++i) {
    const std::string layer = numbered("layers.", i, ".");
    file.add_norm(layer + "norm1", kDim);
    for (const char* part : {"q_proj", "k_proj", "v_proj", "out_proj"}) {
      file.add_linear(layer + "attention." + part, kDim, kDim);
    }
    file.add(layer + "layer_scale1.lambda1", {kDim});
    file.add_norm(layer + "norm2", kDim);
    if (giant) {
      file.add_linear(layer + "mlp.gate_proj", kGiantHidden, kDim);
      file.add_linear(layer + "mlp.up_proj", kGiantHidden, kDim);
      file.add_linear(layer + "mlp.down_proj", kDim, kGiantHidden);
    } else {
      file.add_linear(layer + "mlp.fc1", kHidden, kDim);
      file.add_linear(layer + "mlp.fc2", kDim, kHidden);
    }
    file.add(layer + "layer_scale2.lambda1", {kDim});
  }
  file.add_norm("layernorm", kDim);
  add_hf_heads(file);
  return file;
}

// transformers' EomtDinov3ForUniversalSegmentation
inline ForeignFile hf_eomt_dinov3(bool swiglu = false) {
  ForeignFile file;
  file.add("embeddings.cls_token", {1, 1, kDim});
  file.add("embeddings.register_tokens", {1, 4, kDim});
  file.add("embeddings.patch_embeddings.weight", {kDim, 3, 16, 16});
  file.add("embeddings.patch_embeddings.bias", {kDim});
  for (int i = 0; i < 2; ++i) {
    add_hf_dinov3_block(file, numbered("layers.", i, "."), swiglu);
  }
  file.add_norm("layernorm", kDim);
  add_hf_heads(file);
  return file;
}

// EoMT's heads as tue-mps/eomt and LightlyTrain name them, under any prefix.
inline void add_upstream_heads(ForeignFile& file, const std::string& prefix, const std::string& queries) {
  file.add(prefix + queries, {kQueries, kDim});
  for (const char* layer : {"mask_head.0", "mask_head.2", "mask_head.4"}) {
    file.add_linear(prefix + layer, kDim, kDim);
  }
  file.add_linear(prefix + "class_head", kClasses + 1, kDim);
  for (int i = 0; i < 2; ++i) {
    const std::string block = prefix + numbered("upscale.", i, ".");
    file.add(block + "conv1.weight", {kDim, kDim, 2, 2});
    file.add(block + "conv1.bias", {kDim});
    file.add(block + "conv2.weight", {kDim, 1, 3, 3});
    file.add_norm(block + "norm", kDim);
  }
  file.add("criterion.empty_weight", {kClasses + 1});
}

// tue-mps/eomt on timm's DINOv2, on a grid of 3 x 3
inline ForeignFile upstream_eomt(bool giant = false) {
  const std::string backbone = "network.encoder.backbone.";
  ForeignFile file;
  file.add("network.attn_mask_probs", {1});
  file.add("network.encoder.pixel_mean", {1, 3, 1, 1});
  file.add("network.encoder.pixel_std", {1, 3, 1, 1});
  file.add(backbone + "cls_token", {1, 1, kDim});
  file.add(backbone + "reg_token", {1, 4, kDim});
  file.add(backbone + "pos_embed", {1, 9, kDim});
  file.add(backbone + "patch_embed.proj.weight", {kDim, 3, 16, 16});
  file.add(backbone + "patch_embed.proj.bias", {kDim});
  for (int i = 0; i < 2; ++i) {
    const std::string block = backbone + numbered("blocks.", i, ".");
    file.add_norm(block + "norm1", kDim);
    file.add_linear(block + "attn.qkv", 3 * kDim, kDim);
    file.add_linear(block + "attn.proj", kDim, kDim);
    file.add(block + "ls1.gamma", {kDim});
    file.add_norm(block + "norm2", kDim);
    file.add_linear(block + "mlp.fc1", giant ? 2 * kGiantHidden : kHidden, kDim);
    file.add_linear(block + "mlp.fc2", kDim, giant ? kGiantHidden : kHidden);
    file.add(block + "ls2.gamma", {kDim});
  }
  file.add_norm(backbone + "norm", kDim);
  add_upstream_heads(file, "network.", "q.weight");
  return file;
}

// tue-mps/eomt on DINOv3: the backbone as differences, in transformers' names
inline ForeignFile upstream_delta() {
  const std::string backbone = "network.encoder.backbone.";
  ForeignFile file;
  file.add("network.attn_mask_probs", {1});
  file.add("network.encoder.pixel_mean", {1, 3, 1, 1});
  file.add("network.encoder.pixel_std", {1, 3, 1, 1});
  file.add(backbone + "patch_embed.cls_token", {1, 1, kDim});
  file.add(backbone + "patch_embed.register_tokens", {1, 4, kDim});
  file.add(backbone + "patch_embed.patch_embeddings.weight", {kDim, 3, 16, 16});
  file.add(backbone + "patch_embed.patch_embeddings.bias", {kDim});
  for (int i = 0; i < 2; ++i) {
    add_hf_dinov3_block(file, backbone + numbered("blocks.", i, "."));
  }
  file.add_norm(backbone + "norm", kDim);
  add_upstream_heads(file, "network.", "q.weight");
  return file;
}

// LightlyTrain's exports: Meta's names in the train module
inline ForeignFile lightly_train(const ForeignFile& backbone) {
  ForeignFile file = backbone.prefixed("model.backbone.");
  add_upstream_heads(file, "model.", "queries.weight");
  return file.prefixed("train_model/");
}

}  // namespace muster::weights::testing_support
