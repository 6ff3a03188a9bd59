"""transformers' names of DINOv2, DINOv3 and EoMT tensors, in memory (5.23), to ours. A dict of parameters or of gradients."""

import torch

HEADS = {"query.": "queries.", "class_predictor.": "class_head.", "mask_head.fc1.": "mask_head.0.", "mask_head.fc2.": "mask_head.2.",
         "mask_head.fc3.": "mask_head.4."}  # fmt: skip


def backbone_to_muster(values, depth, dinov3):
    def pick(*names):
        return next(values[name] for name in names if name in values)

    layers = next(p for p in ("encoder.layer.", "model.layer.", "layers.") if p + "0.norm1.weight" in values)
    patches = "embeddings.patch_embeddings." + ("" if "embeddings.patch_embeddings.weight" in values else "projection.")
    out = {"cls_token": values["embeddings.cls_token"]}
    if "embeddings.register_tokens" in values:
        out["storage_tokens" if dinov3 else "register_tokens"] = values["embeddings.register_tokens"]
    if not dinov3:
        positions = pick("embeddings.position_embeddings", "embeddings.position_embeddings.weight")
        out["pos_embed"] = positions if positions.dim() == 3 else positions[None]
    for kind in ("weight", "bias"):
        out[f"patch_embed.proj.{kind}"] = values[patches + kind]
        out[f"norm.{kind}"] = pick(f"layernorm.{kind}", f"norm.{kind}")
    for i in range(depth):
        source, block = f"{layers}{i}.", f"blocks.{i}."
        attention = source + "attention."
        out[block + "attn.qkv.weight"] = torch.cat([values[attention + f"{x}_proj.weight"] for x in "qkv"])
        if attention + "q_proj.bias" in values:
            biases = [values.get(attention + f"{x}_proj.bias") for x in "qkv"]
            out[block + "attn.qkv.bias"] = torch.cat([torch.zeros_like(biases[0]) if b is None else b for b in biases])
        for kind in ("weight", "bias"):
            out[block + f"attn.proj.{kind}"] = pick(attention + f"o_proj.{kind}", attention + f"out_proj.{kind}")
            out[block + f"norm1.{kind}"] = values[source + f"norm1.{kind}"]
            out[block + f"norm2.{kind}"] = values[source + f"norm2.{kind}"]
            mlp = {name: values.get(f"{source}mlp.{name}.{kind}") for name in ("fc1", "fc2", "gate_proj", "up_proj", "down_proj")}
            if mlp["fc1"] is not None:
                ffn = {"fc1": mlp["fc1"], "fc2": mlp["fc2"]}
            elif mlp["gate_proj"] is None:
                ffn = {"fc1": mlp["up_proj"], "fc2": mlp["down_proj"]}
            elif dinov3:
                ffn = {"w1": mlp["gate_proj"], "w2": mlp["up_proj"], "w3": mlp["down_proj"]}
            else:
                ffn = {"w12": torch.cat([mlp["gate_proj"], mlp["up_proj"]]), "w3": mlp["down_proj"]}
            out |= {f"{block}mlp.{name}.{kind}": value for name, value in ffn.items()}
        out[block + "ls1.gamma"] = values[source + "layer_scale1.lambda1"]
        out[block + "ls2.gamma"] = values[source + "layer_scale2.lambda1"]
    return {"backbone." + name: value for name, value in out.items()}


def heads_to_muster(values):
    out = {}
    for name, value in values.items():
        for theirs, ours in HEADS.items():
            if name.startswith(theirs):
                out[name.replace(theirs, ours, 1)] = value
        if name.startswith("upscale_block.block."):
            out[name.replace("upscale_block.block.", "upscale.", 1).replace("layernorm2d", "norm")] = value
    return out


def bias_masks(dim, depth):
    """Our buffer that says what transformers leaves out: the key has no bias."""
    mask = torch.ones(3 * dim)
    mask[dim : 2 * dim] = 0
    return {f"backbone.blocks.{i}.attn.qkv.bias_mask": mask.clone() for i in range(depth)}
