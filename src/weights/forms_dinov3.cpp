// Names of DINOv3's tensors. Sources: facebookresearch/dinov3, vision_transformer.py; transformers, modeling_dinov3_vit.py and
// convert_dinov3_vit_to_hf.py.
#include "weights/form_table.hpp"

namespace muster::weights {
namespace {

// Our names are Meta's. The bias mask must be in the file: published ones hold zeros, which no default would guess.
constexpr NameRow kDinov3Meta[] = {
    {"mask_token", "mask_token", Without::kZeros},
    {"rope_embed.periods", "rope_embed.periods", Without::kPeriods},
    {"@", "@"},
};

// q and v have biases that learn, k has none; the mask says so.
constexpr NameRow kDinov3Block[] = {
    {"attn.qkv.weight", "attention.{q,k,v}_proj.weight"},
    {"attn.qkv.bias", "attention.{q,0,v}_proj.bias"},
    {"attn.qkv.bias_mask", "", Without::kKeyMask},
    {"attn.proj.@", "attention.o_proj.@"},
    {"ls#.gamma", "layer_scale#.lambda1"},
    {"mlp.fc1.@", "mlp.up_proj.@"},
    {"mlp.fc2.@", "mlp.down_proj.@"},
    {"mlp.w1.@", "mlp.gate_proj.@"},
    {"mlp.w2.@", "mlp.up_proj.@"},
    {"mlp.w3.@", "mlp.down_proj.@"},
    {"@", "@"},  // norm1, norm2
};

constexpr NameRow kDinov3Rest[] = {
    {"cls_token", "embeddings.cls_token"},
    {"mask_token", "embeddings.mask_token", Without::kZeros, Shaped::kToken},
    {"storage_tokens", "embeddings.register_tokens"},
    {"patch_embed.proj.@", "embeddings.patch_embeddings.@"},
    {"rope_embed.periods", "", Without::kPeriods},
    {"norm.@", "norm.@"},
};

}  // namespace

std::span<const NameRow> hf_dinov3_block() {
  return kDinov3Block;
}

FormTable meta_dinov3_table() {
  return {.groups = {{"backbone.", "", kDinov3Meta}},
          .prefixes = {"model/"},
          .skipped = {{"*local_cls_norm.*", "the norm of local crops in pretraining, which no other pass uses"},
                      {"*projectors.*", "projection heads of distillation"}}};
}

// transformers 5 keeps the blocks as model.layer.N; published files have layer.N.
FormTable hf_dinov3_table() {
  return {.groups = {{"backbone.blocks.#.", "layer.#.", kDinov3Block}, {"backbone.", "", kDinov3Rest}}, .prefixes = {"model."}, .skipped = {}};
}

}  // namespace muster::weights
