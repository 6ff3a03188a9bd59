// Names of EoMT's tensors: our own, LightlyTrain's, upstream's and those of transformers. Sources: tue-mps/eomt, models/eomt.py,
// scale_block.py, vit.py; transformers, modeling_eomt.py and modeling_eomt_dinov3.py.
#include "weights/form_table.hpp"

namespace muster::weights {
namespace {

constexpr NameRow kSame[] = {{"@", "@"}};

constexpr NameRow kUpstreamHead[] = {
    {"queries.weight", "q.weight"},
    {"class_head.@", "class_head.@"},
    {"mask_head.@", "mask_head.@"},
    {"upscale.@", "upscale.@"},
};

// The embeddings of transformers under a name of timm's.
constexpr NameRow kUpstreamDinov3[] = {
    {"cls_token", "patch_embed.cls_token"},
    {"mask_token", "patch_embed.mask_token", Without::kZeros, Shaped::kToken},
    {"storage_tokens", "patch_embed.register_tokens"},
    {"patch_embed.proj.@", "patch_embed.patch_embeddings.@"},
    {"rope_embed.periods", "", Without::kPeriods},
    {"norm.@", "norm.@"},
};

constexpr NameRow kHfHead[] = {
    {"queries.weight", "query.weight"},         {"class_head.@", "class_predictor.@"},
    {"mask_head.0.@", "mask_head.fc1.@"},       {"mask_head.2.@", "mask_head.fc2.@"},
    {"mask_head.4.@", "mask_head.fc3.@"},       {"upscale.#.norm.@", "upscale_block.block.#.layernorm2d.@"},
    {"upscale.#.@", "upscale_block.block.#.@"},
};

// The class token's position is part of the class token. Second names of the giant's feed-forward: files before transformers 5.
constexpr NameRow kHfDinov2Block[] = {
    {"attn.qkv.@", "attention.{q,k,v}_proj.@"},
    {"attn.proj.@", "attention.out_proj.@"},
    {"ls#.gamma", "layer_scale#.lambda1"},
    {"mlp.w12.@", "mlp.{gate,up}_proj.@ | mlp.weights_in.@"},
    {"mlp.w3.@", "mlp.down_proj.@ | mlp.weights_out.@"},
    {"@", "@"},  // norm1, norm2, mlp.fc1, mlp.fc2
};

constexpr NameRow kHfDinov2Rest[] = {
    {"cls_token", "embeddings.cls_token"},
    {"mask_token", "", Without::kZeros},
    {"register_tokens", "embeddings.register_tokens"},
    {"pos_embed", "embeddings.position_embeddings.weight", Without::kMissing, Shaped::kTable},
    {"patch_embed.proj.@", "embeddings.patch_embeddings.projection.@"},
    {"norm.@", "layernorm.@"},
};

constexpr NameRow kHfDinov3Rest[] = {
    {"cls_token", "embeddings.cls_token"},
    {"mask_token", "", Without::kZeros},
    {"storage_tokens", "embeddings.register_tokens"},
    {"patch_embed.proj.@", "embeddings.patch_embeddings.@"},
    {"rope_embed.periods", "", Without::kPeriods},
    {"norm.@", "layernorm.@"},
};

constexpr SkipRow kMaskProbabilities{"*attn_mask_probs", "probabilities of attention masks, which are zero after training"};
constexpr SkipRow kClassWeights{"*criterion.empty_weight", "the loss's class weights, which the recipe sets"};
constexpr SkipRow kPixelMean{"*pixel_mean", "the normalisation of images, which the description holds"};
constexpr SkipRow kPixelStd{"*pixel_std", "the normalisation of images, which the description holds"};
constexpr SkipRow kLocalNorm{"*local_cls_norm.*", "the norm of local crops in pretraining, which no other pass uses"};
constexpr SkipRow kOptimizer{"optimizer_states/*", "the state of an optimizer"};

FormTable upstream(std::vector<NameGroup> groups) {
  groups.push_back({"", "", kUpstreamHead});
  return {.groups = std::move(groups),
          .prefixes = {"state_dict/network.", "network."},
          .skipped = {kMaskProbabilities, kClassWeights, kPixelMean, kPixelStd, kOptimizer}};
}

}  // namespace

FormTable muster_table() {
  return {.groups = {{"", "", kSame}}, .prefixes = {}, .skipped = {}};
}

// LightlyTrain keeps its mask probabilities out of the file.
FormTable lightly_train_table() {
  return {.groups = {{"", "", kSame}}, .prefixes = {"train_model/model."}, .skipped = {kClassWeights, kLocalNorm}};
}

FormTable upstream_eomt_table() {
  return upstream({{"backbone.", "encoder.backbone.", timm_backbone()}});
}

FormTable upstream_eomt_dinov3_table() {
  return upstream(
      {{"backbone.blocks.#.", "encoder.backbone.blocks.#.", hf_dinov3_block()}, {"backbone.", "encoder.backbone.", kUpstreamDinov3}});
}

FormTable hf_eomt_table() {
  return {.groups = {{"backbone.blocks.#.", "layers.#.", kHfDinov2Block}, {"backbone.", "", kHfDinov2Rest}, {"", "", kHfHead}},
          .prefixes = {},
          .skipped = {kMaskProbabilities, kClassWeights}};
}

FormTable hf_eomt_dinov3_table() {
  return {.groups = {{"backbone.blocks.#.", "layers.#.", hf_dinov3_block()}, {"backbone.", "", kHfDinov3Rest}, {"", "", kHfHead}},
          .prefixes = {},
          .skipped = {kMaskProbabilities, kClassWeights}};
}

}  // namespace muster::weights
