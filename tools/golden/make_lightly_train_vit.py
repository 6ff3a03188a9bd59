"""Golden values of both backbones from LightlyTrain 0.18, whose ViTs are Meta's. Run in the venv of README.md.

Writes lt_dinov2*.safetensors (positions resized by Meta's rules, images resized up to whole patches) and lt_dinov3*.safetensors,
in train mode, RoPE rescale drawn per block: the feed-forward of t+ (ratio 6), of H+ (SwiGLU, ratio 6), and 7B's head of 128
lanes without qkv bias and its hidden width rounded up to 64.
"""

from functools import partial

import torch
from lightly_train._models.dinov2_vit.dinov2_vit_src.layers import MemEffAttention, NestedTensorBlock
from lightly_train._models.dinov2_vit.dinov2_vit_src.models import vision_transformer as dinov2
from lightly_train._models.dinov3.dinov3_src.models.vision_transformer import DinoVisionTransformer as Dinov3

from golden_common import STEP, Draws, in_fp64, randomise, write_case

BATCH, SEED, TRAIN_STEP = 2, 9, 33


def write(name, model, images, features, generator, **metadata):
    """Backward of sum(tokens * projection), then the file."""
    tokens = torch.cat(features, 1)
    projection = (0.25 * torch.randn(tokens.shape, generator=generator, dtype=torch.float32)).double()
    (tokens * projection).sum().backward()
    result = {f"param.backbone.{key}": value for key, value in model.named_parameters()}
    result |= {f"grad.backbone.{key}": p.grad for key, p in model.named_parameters() if p.requires_grad}
    result |= {f"param.backbone.{key}": b for key, b in model.named_buffers() if key.endswith("bias_mask")}
    result |= {"input.images": images, "input.projection": projection, "output.cls": features[0][:, 0], "output.patches": features[2]}
    if features[1].shape[1]:
        result["output.storage"] = features[1]
    write_case(name + ".safetensors", result, STEP, reference="lightly-train", form="lightly_train", **metadata)


def make_dinov2(name, registers, ffn, size, seed):
    dim, depth, heads, patch, table = 16, 2, 2, 7, 5
    generator = torch.Generator().manual_seed(seed)
    model = dinov2.DinoVisionTransformer(
        img_size=patch * table, patch_size=patch, embed_dim=dim, depth=depth, num_heads=heads, init_values=1e-5, ffn_layer=ffn,
        block_fn=partial(NestedTensorBlock, attn_class=MemEffAttention), block_chunks=0, num_register_tokens=registers,
        interpolate_antialias=registers > 0, interpolate_offset=0.0 if registers else 0.1,
    )  # fmt: skip
    model = model.double().eval()
    model.mask_token.requires_grad_(False)
    randomise(sorted(model.named_parameters()), generator, STEP)
    images = torch.randn(BATCH, 3, *size, generator=generator, dtype=torch.float32).double()
    with in_fp64(dinov2):
        features = model.forward_features(images)
    swiglu = ffn != "mlp"
    write(
        name, model, images, [features["x_norm_clstoken"][:, None], features["x_norm_regtokens"], features["x_norm_patchtokens"]],
        generator, family="dinov2", embed_dim=dim, depth=depth, heads=heads, patch_size=patch, positions=[table, table],
        storage_tokens=registers, ffn="packed_swiglu" if swiglu else "mlp",
        ffn_hidden=model.blocks[0].mlp.w3.in_features if swiglu else 4 * dim, norm_eps=1e-6,
    )  # fmt: skip


def make_dinov3(name, dim, heads, patch, ffn, ratio, qkv_bias, size, seed):
    depth, storage = 2, 4
    generator = torch.Generator().manual_seed(seed)
    model = Dinov3(
        patch_size=patch, pos_embed_rope_base=100, pos_embed_rope_rescale_coords=2, pos_embed_rope_dtype="fp32", embed_dim=dim,
        depth=depth, num_heads=heads, ffn_ratio=ratio, qkv_bias=qkv_bias, layerscale_init=1e-5, norm_layer="layernormbf16",
        ffn_layer=ffn, n_storage_tokens=storage, mask_k_bias=True,
    )  # fmt: skip
    model.init_weights()
    model = model.double().train()
    model.rope_embed.dtype = torch.float64
    model.rope_embed._init_weights()
    model.mask_token.requires_grad_(False)
    randomise(sorted(model.named_parameters()), generator, STEP)
    for key, mask in model.named_buffers():  # neither all ones nor all zeros
        if key.endswith("bias_mask"):
            mask.copy_((torch.rand(mask.shape, generator=generator, dtype=torch.float32) / STEP).round() * STEP)
    images = torch.randn(BATCH, 3, *size, generator=generator, dtype=torch.float32).double()
    draws = Draws(SEED, TRAIN_STEP, [], 0, 0, 0)
    with draws.installed():
        features = model.forward_features(images)
    assert draws.rope_block == depth
    mlp = model.blocks[0].mlp
    write(
        name, model, images, [features["x_norm_clstoken"][:, None], features["x_storage_tokens"], features["x_norm_patchtokens"]],
        generator, family="dinov3", embed_dim=dim, depth=depth, heads=heads, patch_size=patch, storage_tokens=storage,
        ffn="mlp" if ffn == "mlp" else "swiglu", ffn_hidden=(mlp.fc2 if ffn == "mlp" else mlp.w3).in_features, qkv_bias=qkv_bias,
        norm_eps=1e-5, seed=SEED, step=TRAIN_STEP, sample_ids=[],
    )  # fmt: skip


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    make_dinov2("lt_dinov2_resized", registers=0, ffn="mlp", size=(50, 24), seed=411)
    make_dinov2("lt_dinov2_registers_resized", registers=4, ffn="swiglufused", size=(50, 24), seed=412)
    make_dinov3("lt_dinov3_tplus", dim=16, heads=2, patch=8, ffn="mlp", ratio=6, qkv_bias=True, size=(43, 29), seed=413)
    make_dinov3("lt_dinov3_hplus", dim=40, heads=2, patch=8, ffn="swiglu", ratio=6, qkv_bias=True, size=(29, 43), seed=414)
    make_dinov3("lt_dinov3_7b", dim=128, heads=1, patch=4, ffn="swiglu64", ratio=0.6, qkv_bias=False, size=(18, 13), seed=415)
