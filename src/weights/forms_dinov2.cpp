// Names of DINOv2's tensors. Sources: facebookresearch/dinov2, vision_transformer.py; transformers, modeling_dinov2.py and its
// conversion script; timm, vision_transformer.py (_convert_dinov2).
#include "weights/form_table.hpp"

namespace muster::weights {
namespace {

// Our names are Meta's.
constexpr NameRow kDinov2Meta[] = {
    {"mask_token", "mask_token", Without::kZeros},
    {"@", "@"},
};

// Second names: those of the classes in transformers 5, which files saved by it may carry.
constexpr NameRow kDinov2Block[] = {
    {"attn.qkv.@", "attention.attention.{query,key,value}.@ | attention.{q,k,v}_proj.@"},
    {"attn.proj.@", "attention.output.dense.@ | attention.o_proj.@"},
    {"ls#.gamma", "layer_scale#.lambda1"},
    {"mlp.w12.@", "mlp.weights_in.@ | mlp.{gate,up}_proj.@"},
    {"mlp.w3.@", "mlp.weights_out.@ | mlp.down_proj.@"},
    {"@", "@"},  // norm1, norm2, mlp.fc1, mlp.fc2
};

constexpr NameRow kDinov2Rest[] = {
    {"cls_token", "embeddings.cls_token"},
    {"mask_token", "embeddings.mask_token", Without::kZeros},
    {"register_tokens", "embeddings.register_tokens"},
    {"pos_embed", "embeddings.position_embeddings"},
    {"patch_embed.proj.@", "embeddings.patch_embeddings.projection.@"},
    {"norm.@", "layernorm.@"},
};

// The class token's position is part of the class token, and the table is of patches alone.
constexpr NameRow kTimm[] = {
    {"register_tokens", "reg_token"},
    {"mask_token", "", Without::kZeros},
    {"blocks.#.mlp.w12.@", "blocks.#.mlp.fc1.@"},
    {"blocks.#.mlp.w3.@", "blocks.#.mlp.fc2.@"},
    {"@", "@"},
};

}  // namespace

std::span<const NameRow> hf_dinov2_block() {
  return kDinov2Block;
}
std::span<const NameRow> timm_backbone() {
  return kTimm;
}

FormTable meta_dinov2_table() {
  return {.groups = {{"backbone.", "", kDinov2Meta}}, .prefixes = {"model/"}, .skipped = {}};
}

FormTable hf_dinov2_table() {
  return {.groups = {{"backbone.blocks.#.", "encoder.layer.#.", kDinov2Block}, {"backbone.", "", kDinov2Rest}},
          .prefixes = {"dinov2.", "dinov2_with_registers."},
          .skipped = {{"classifier.*", "the linear head of an image classifier"}}};
}

}  // namespace muster::weights
