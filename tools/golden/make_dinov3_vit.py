"""Golden values of the DINOv3 backbone, from transformers' `dinov3_vit`. Run in the venv of README.md: python make_dinov3_vit.py

Writes dinov3_vit_{mlp,swiglu}.safetensors: parameters under Muster's names, an image batch, the normalised CLS, storage and
patch tokens, and every parameter's gradient of sum(tokens * projection). The image is not square and leaves a remainder.
"""

import torch
from transformers import DINOv3ViTConfig, DINOv3ViTModel
from transformers.models.dinov3_vit import modeling_dinov3_vit

from golden_common import in_fp64, randomise, write_case
from transformers_names import backbone_to_muster, bias_masks

EMBED_DIM, DEPTH, HEADS, PATCH, STORAGE, BATCH = 16, 3, 2, 8, 4, 2
HEIGHT, WIDTH = 43, 29  # a grid of 5 x 3, three rows and five columns of pixels dropped


def make(file_name, swiglu, seed):
    generator = torch.Generator().manual_seed(seed)
    hidden = 40 if swiglu else 4 * EMBED_DIM
    config = DINOv3ViTConfig(
        patch_size=PATCH, hidden_size=EMBED_DIM, intermediate_size=hidden, num_hidden_layers=DEPTH, num_attention_heads=HEADS,
        num_register_tokens=STORAGE, use_gated_mlp=swiglu, hidden_act="silu" if swiglu else "gelu", layer_norm_eps=1e-5,
        image_size=64, attn_implementation="eager",
    )  # fmt: skip
    with in_fp64(modeling_dinov3_vit):  # its RoPE table is made in fp32 whatever the model's type
        model = DINOv3ViTModel(config).double().eval()
    model.embeddings.mask_token.requires_grad_(False)
    randomise(sorted(model.named_parameters()), generator)

    images = torch.randn(BATCH, 3, HEIGHT, WIDTH, generator=generator).double()
    with in_fp64(modeling_dinov3_vit):
        tokens = model(images).last_hidden_state
    projection = (0.25 * torch.randn(tokens.shape, generator=generator)).double()
    (tokens * projection).sum().backward()

    parameters = dict(model.named_parameters())
    gradients = {name: p.grad for name, p in parameters.items() if p.requires_grad}
    result = {f"param.{name}": value for name, value in backbone_to_muster(parameters, DEPTH, dinov3=True).items()}
    result |= {f"grad.{name}": value for name, value in backbone_to_muster(gradients, DEPTH, dinov3=True).items()}
    result |= {f"param.{name}": mask for name, mask in bias_masks(EMBED_DIM, DEPTH).items()}
    result["param.backbone.mask_token"] = model.embeddings.mask_token[0]
    result |= {
        "input.images": images,
        "input.projection": projection,
        "output.cls": tokens[:, 0],
        "output.storage": tokens[:, 1 : 1 + STORAGE],
        "output.patches": tokens[:, 1 + STORAGE :],
    }
    write_case(
        file_name, result, reference="transformers dinov3_vit", form="hf", family="dinov3", embed_dim=EMBED_DIM, depth=DEPTH,
        heads=HEADS, patch_size=PATCH, storage_tokens=STORAGE, ffn="swiglu" if swiglu else "mlp", ffn_hidden=hidden, norm_eps=1e-5,
    )  # fmt: skip


if __name__ == "__main__":
    make("dinov3_vit_mlp.safetensors", swiglu=False, seed=101)
    make("dinov3_vit_swiglu.safetensors", swiglu=True, seed=102)
