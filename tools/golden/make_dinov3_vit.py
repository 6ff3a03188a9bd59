"""Golden values of the DINOv3 backbone, from transformers' `dinov3_vit`. Run in the venv of README.md: python make_dinov3_vit.py

Writes dinov3_vit_{mlp,swiglu}.safetensors: parameters under Muster's names, an image batch, the normalised CLS, storage and
patch tokens, and every parameter's gradient of sum(tokens * projection). The image is not square and leaves a remainder.
"""

import torch
from transformers import DINOv3ViTConfig, DINOv3ViTModel
from transformers.models.dinov3_vit import modeling_dinov3_vit as reference

from golden_common import randomise, write_case

EMBED_DIM, DEPTH, HEADS, PATCH, STORAGE, BATCH = 16, 3, 2, 8, 4, 2
HEIGHT, WIDTH = 43, 29  # a grid of 5 x 3, three rows and five columns of pixels dropped


def rope_in_fp64(model):
    """The reference builds RoPE in fp32 whatever the model's dtype: the same formula at fp64, so that 1e-10 can be asked for."""
    centres = reference.get_patches_center_coordinates
    reference.get_patches_center_coordinates = lambda h, w, dtype, device: centres(h, w, dtype=torch.float64, device=device)
    head_dim = model.config.hidden_size // model.config.num_attention_heads
    exponents = torch.arange(0, 1, 4 / head_dim, dtype=torch.float64)
    model.rope_embeddings.inv_freq = 1 / model.config.rope_theta**exponents


def to_muster(values, swiglu):
    """A dict of the reference's names, of parameters or of gradients, to ours; None counts as zero (no key bias there)."""
    out = {
        "cls_token": values["embeddings.cls_token"],
        "storage_tokens": values["embeddings.register_tokens"],
        "patch_embed.proj.weight": values["embeddings.patch_embeddings.weight"],
        "patch_embed.proj.bias": values["embeddings.patch_embeddings.bias"],
        "norm.weight": values["norm.weight"],
        "norm.bias": values["norm.bias"],
    }
    ffn = {"w1": "gate_proj", "w2": "up_proj", "w3": "down_proj"} if swiglu else {"fc1": "up_proj", "fc2": "down_proj"}
    for i in range(DEPTH):
        source, block = f"model.layer.{i}.", f"blocks.{i}."
        attention = source + "attention."
        out[block + "attn.qkv.weight"] = torch.cat([values[attention + f"{x}_proj.weight"] for x in "qkv"])
        query, value = values[attention + "q_proj.bias"], values[attention + "v_proj.bias"]
        out[block + "attn.qkv.bias"] = torch.cat([query, torch.zeros_like(query), value])
        for kind in ("weight", "bias"):
            out[block + f"attn.proj.{kind}"] = values[attention + f"o_proj.{kind}"]
            out[block + f"norm1.{kind}"] = values[source + f"norm1.{kind}"]
            out[block + f"norm2.{kind}"] = values[source + f"norm2.{kind}"]
            for ours, theirs in ffn.items():
                out[block + f"mlp.{ours}.{kind}"] = values[source + f"mlp.{theirs}.{kind}"]
        out[block + "ls1.gamma"] = values[source + "layer_scale1.lambda1"]
        out[block + "ls2.gamma"] = values[source + "layer_scale2.lambda1"]
    return {"backbone." + name: value for name, value in out.items()}


def make(file_name, swiglu, seed):
    generator = torch.Generator().manual_seed(seed)
    hidden = 40 if swiglu else 4 * EMBED_DIM
    config = DINOv3ViTConfig(
        patch_size=PATCH, hidden_size=EMBED_DIM, intermediate_size=hidden, num_hidden_layers=DEPTH, num_attention_heads=HEADS,
        num_register_tokens=STORAGE, use_gated_mlp=swiglu, hidden_act="silu" if swiglu else "gelu", layer_norm_eps=1e-5,
        image_size=64, attn_implementation="eager",
    )  # fmt: skip
    model = DINOv3ViTModel(config).double().eval()
    rope_in_fp64(model)
    model.embeddings.mask_token.requires_grad_(False)
    randomise(sorted(model.named_parameters()), generator)

    images = torch.randn(BATCH, 3, HEIGHT, WIDTH, generator=generator).double()
    tokens = model(images).last_hidden_state
    projection = (0.25 * torch.randn(tokens.shape, generator=generator)).double()
    (tokens * projection).sum().backward()

    parameters = dict(model.named_parameters())
    gradients = {name: p.grad for name, p in parameters.items() if p.requires_grad}
    result = {f"param.{name}": value for name, value in to_muster(parameters, swiglu).items()}
    result |= {f"grad.{name}": value for name, value in to_muster(gradients, swiglu).items()}
    for i in range(DEPTH):
        mask = torch.ones(3 * EMBED_DIM)
        mask[EMBED_DIM : 2 * EMBED_DIM] = 0
        result[f"param.backbone.blocks.{i}.attn.qkv.bias_mask"] = mask
    result["param.backbone.mask_token"] = model.embeddings.mask_token[0]
    result |= {
        "input.images": images,
        "input.projection": projection,
        "output.cls": tokens[:, 0],
        "output.storage": tokens[:, 1 : 1 + STORAGE],
        "output.patches": tokens[:, 1 + STORAGE :],
    }
    write_case(
        file_name, result, reference="transformers dinov3_vit", embed_dim=EMBED_DIM, depth=DEPTH, heads=HEADS, patch_size=PATCH,
        storage_tokens=STORAGE, ffn="swiglu" if swiglu else "mlp", ffn_hidden=hidden, norm_eps=1e-5,
    )  # fmt: skip


if __name__ == "__main__":
    make("dinov3_vit_mlp.safetensors", swiglu=False, seed=101)
    make("dinov3_vit_swiglu.safetensors", swiglu=True, seed=102)
