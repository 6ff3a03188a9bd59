"""Golden values of the DINOv2 backbone, from transformers' `dinov2` and `dinov2_with_registers`. Run in the venv of README.md.

Writes hf_dinov2*.safetensors: parameters under Muster's names, an image batch, the normalised tokens, and every parameter's
gradient of sum(tokens * projection), the position table's among them. `_resized`: a grid of 7 x 3 where the table has 5 x 5
(the antialiased kernel and the plain one then differ).
"""

import torch
from transformers import Dinov2Config, Dinov2Model, Dinov2WithRegistersConfig, Dinov2WithRegistersModel
from transformers.models.dinov2 import modeling_dinov2
from transformers.models.dinov2_with_registers import modeling_dinov2_with_registers

from golden_common import STEP, in_fp64, randomise, write_case
from transformers_names import backbone_to_muster

EMBED_DIM, DEPTH, HEADS, PATCH, TABLE, BATCH = 16, 2, 2, 7, 5, 2
AT_TABLE, RESIZED = (35, 35), (7 * 7, 3 * 7)


def make(name, registers, swiglu, size, seed):
    generator = torch.Generator().manual_seed(seed)
    common = dict(
        patch_size=PATCH, image_size=PATCH * TABLE, hidden_size=EMBED_DIM, num_hidden_layers=DEPTH, num_attention_heads=HEADS,
        mlp_ratio=4, use_swiglu_ffn=swiglu, layer_norm_eps=1e-6, attn_implementation="eager",
    )  # fmt: skip
    if registers:
        model = Dinov2WithRegistersModel(Dinov2WithRegistersConfig(num_register_tokens=registers, **common))
    else:
        model = Dinov2Model(Dinov2Config(**common))
    model = model.double().eval()
    model.embeddings.mask_token.requires_grad_(False)
    randomise(sorted(model.named_parameters()), generator, STEP)

    images = torch.randn(BATCH, 3, *size, generator=generator).double()
    with in_fp64(modeling_dinov2, modeling_dinov2_with_registers):
        tokens = model(images).last_hidden_state
        projection = (0.25 * torch.randn(tokens.shape, generator=generator)).double()
        (tokens * projection).sum().backward()

    parameters = dict(model.named_parameters())
    gradients = {key: p.grad for key, p in parameters.items() if p.requires_grad}
    result = {f"param.{key}": value for key, value in backbone_to_muster(parameters, DEPTH, dinov3=False).items()}
    result |= {f"grad.{key}": value for key, value in backbone_to_muster(gradients, DEPTH, dinov3=False).items()}
    result["param.backbone.mask_token"] = model.embeddings.mask_token
    result |= {"input.images": images, "input.projection": projection, "output.cls": tokens[:, 0], "output.patches": tokens[:, 1 + registers :]}
    if registers:
        result["output.storage"] = tokens[:, 1 : 1 + registers]
    hidden = model.encoder.layer[0].mlp.gate_proj.out_features if swiglu else 4 * EMBED_DIM
    write_case(
        name + ".safetensors", result, STEP, reference=f"transformers {'dinov2_with_registers' if registers else 'dinov2'}", form="hf",
        family="dinov2", embed_dim=EMBED_DIM, depth=DEPTH, heads=HEADS, patch_size=PATCH, positions=[TABLE, TABLE],
        storage_tokens=registers, ffn="packed_swiglu" if swiglu else "mlp", ffn_hidden=hidden, norm_eps=1e-6,
    )  # fmt: skip


if __name__ == "__main__":
    make("hf_dinov2", registers=0, swiglu=False, size=AT_TABLE, seed=401)
    make("hf_dinov2_resized", registers=0, swiglu=False, size=RESIZED, seed=402)
    make("hf_dinov2_registers_resized", registers=4, swiglu=False, size=RESIZED, seed=403)
    make("hf_dinov2_registers_swiglu", registers=4, swiglu=True, size=AT_TABLE, seed=404)
