"""Golden values from timm, whose DINOv2 upstream EoMT trains: class position folded into the class token. Run in the venv of README.md.

Writes timm_dinov2*.safetensors: the backbone at another grid than its table's, as tools/golden/make_dinov2_vit.py does, and
timm_resampling.safetensors: a patch kernel resampled from 14 to 16 pixels (and to 8), a position table to two other grids.
"""

from functools import partial

import torch
from timm.layers import SwiGLUPacked, pos_embed, resample_abs_pos_embed, resample_patch_embed
from timm.models.vision_transformer import VisionTransformer

from golden_common import STEP, in_fp64, randomise, write_case

EMBED_DIM, DEPTH, HEADS, PATCH, TABLE, REGISTERS, BATCH = 16, 2, 2, 7, 5, 4, 2
NAMES = {"reg_token": "register_tokens", "mlp.fc1": "mlp.w12", "mlp.fc2": "mlp.w3"}


def to_muster(name, swiglu):
    for theirs, ours in NAMES.items():
        if swiglu or "mlp" not in theirs:
            name = name.replace(theirs, ours)
    return "backbone." + name


def make(name, swiglu, seed):
    generator = torch.Generator().manual_seed(seed)
    model = VisionTransformer(
        img_size=PATCH * TABLE, patch_size=PATCH, embed_dim=EMBED_DIM, depth=DEPTH, num_heads=HEADS, mlp_ratio=6 if swiglu else 4,
        init_values=1e-5, num_classes=0, reg_tokens=REGISTERS, no_embed_class=True, dynamic_img_size=True, global_pool="token",
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6), **({"mlp_layer": SwiGLUPacked, "act_layer": torch.nn.SiLU} if swiglu else {}),
    )  # fmt: skip
    model = model.double().eval()
    randomise(sorted(model.named_parameters()), generator, STEP)
    images = torch.randn(BATCH, 3, 7 * PATCH, 3 * PATCH, generator=generator).double()
    with in_fp64(pos_embed):
        tokens = model.forward_features(images)
        projection = (0.25 * torch.randn(tokens.shape, generator=generator)).double()
        (tokens * projection).sum().backward()
    result = {"param." + to_muster(key, swiglu): value for key, value in model.named_parameters()}
    result |= {"grad." + to_muster(key, swiglu): value.grad for key, value in model.named_parameters()}
    result |= {
        "param.backbone.mask_token": torch.zeros(1, EMBED_DIM),  # timm's has none
        "input.images": images,
        "input.projection": projection,
        "output.cls": tokens[:, 0],
        "output.storage": tokens[:, 1 : 1 + REGISTERS],
        "output.patches": tokens[:, 1 + REGISTERS :],
    }
    write_case(
        name + ".safetensors", result, STEP, reference="timm", form="upstream", family="dinov2", embed_dim=EMBED_DIM, depth=DEPTH,
        heads=HEADS, patch_size=PATCH, positions=[TABLE, TABLE], class_position=False, storage_tokens=REGISTERS,
        ffn="packed_swiglu" if swiglu else "mlp", ffn_hidden=3 * EMBED_DIM if swiglu else 4 * EMBED_DIM, norm_eps=1e-6,
    )  # fmt: skip


def make_resampling(name, seed):
    generator = torch.Generator().manual_seed(seed)
    kernel = torch.randn(2, 3, 14, 14, generator=generator)
    table = torch.randn(1, TABLE * TABLE, 6, generator=generator)
    result = {"input.kernel": kernel, "input.table": table}
    for size in (16, 8):
        result[f"output.kernel.{size}"] = resample_patch_embed(kernel, [size, size])
    for rows, columns in ((7, 3), (4, 4)):
        with in_fp64(pos_embed):
            resized = resample_abs_pos_embed(table.double(), [rows, columns], old_size=[TABLE, TABLE], num_prefix_tokens=0)
        result[f"output.table.{rows}x{columns}"] = resized
    write_case(name + ".safetensors", result, reference="timm", positions=[TABLE, TABLE])


if __name__ == "__main__":
    make("timm_dinov2_resized", swiglu=False, seed=601)
    make("timm_dinov2_swiglu_resized", swiglu=True, seed=602)
    make_resampling("timm_resampling", seed=603)
