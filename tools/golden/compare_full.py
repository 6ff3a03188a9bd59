"""Models of full size against the programs that published them, run on demand: 20 minutes on two cores, 8 GB of memory and disk.

    VENV/bin/python tools/golden/compare_full.py [--muster build/dev/bin/muster] [--cut build/dev/tests/golden/forward_cut]
        [--folder /tmp/muster_full] [CASE ...]        without cases: all of them; --list names them

The reference makes random weights and stores them in its own form (transformers' folder; Meta's names by torch.save, as LightlyTrain
reads and writes them; LightlyTrain's export). `muster forward` recognises the file, loads it and runs one image; printed are rows of
the table in src/model/README.md: the largest absolute difference of each output. Cuts of two blocks, for models too large for
a small machine, run through `forward_cut` (tests/golden). Needs the environments of README.md in one, or the cases of one of them.
"""

import argparse
import importlib.metadata
import os
import shutil
import subprocess
import sys
import time

import torch
from safetensors.torch import load_file, save_file

from golden_common import randomise

DINOV2 = {"s": (384, 12, 6), "b": (768, 12, 12), "l": (1024, 24, 16), "g": (1536, 40, 24)}  # width, blocks, heads
DINOV3 = {  # width, blocks, heads, hidden of the feed-forward, gated; Meta's hub
    "s16": (384, 12, 6, 1536, False), "s16plus": (384, 12, 6, 1536, True), "b16": (768, 12, 12, 3072, False), "l16": (1024, 24, 16, 4096, False),
    "l16plus": (1024, 24, 16, 4096, True), "h16plus": (1280, 32, 20, 5120, True), "7b16": (4096, 40, 32, 8192, True),
}  # fmt: skip
CUT_BLOCKS, CLASSES, QUERIES = 2, 19, 50


def image(case):
    """A grid that is neither square nor the position table's; DINOv3 gets a remainder of pixels too."""
    height, width = (224, 252) if case.startswith("dinov2") else (229, 240)
    if "hf-eomt" in case:
        height = width = 224  # transformers' EoMT takes its own size alone
    return torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(7))


def weights(model, seed):
    randomise(sorted(model.named_parameters()), torch.Generator().manual_seed(seed))
    return model.eval()


def features(tokens, registers):
    out = {"cls": tokens[:, 0], "patches": tokens[:, 1 + registers :]}
    return out | ({"storage": tokens[:, 1 : 1 + registers]} if registers else {})


def transformers_backbone(name, folder, cut):
    """dinov2 or dinov3 by name; the folder that transformers writes."""
    import transformers

    family, size = name.split("/vit")
    if family == "dinov2":
        registers = 0 if size.endswith("-noreg") else 4
        width, depth, heads = DINOV2[size[0]]
        common = dict(hidden_size=width, num_hidden_layers=CUT_BLOCKS if cut else depth, num_attention_heads=heads, image_size=518,
                      patch_size=14, use_swiglu_ffn=size[0] == "g")  # fmt: skip
        if registers:
            model = transformers.Dinov2WithRegistersModel(transformers.Dinov2WithRegistersConfig(num_register_tokens=registers, **common))
        else:
            model = transformers.Dinov2Model(transformers.Dinov2Config(**common))
    else:
        registers = 4
        width, depth, heads, hidden, gated = DINOV3[size]
        bias = not size.startswith("7b")
        model = transformers.DINOv3ViTModel(
            transformers.DINOv3ViTConfig(
                hidden_size=width, num_hidden_layers=CUT_BLOCKS if cut else depth, num_attention_heads=heads, intermediate_size=hidden,
                use_gated_mlp=gated, hidden_act="silu" if gated else "gelu", num_register_tokens=registers, layer_norm_eps=1e-5,
                query_bias=bias, value_bias=bias,
            )
        )  # fmt: skip
    weights(model, seed=len(name))
    model.save_pretrained(folder)
    return folder, lambda images: features(model(images).last_hidden_state, registers)


def transformers_eomt(name, folder, cut):
    import transformers

    family, size = name.removesuffix("-eomt").split("/vit")
    if family == "dinov2":
        width, depth, heads = DINOV2[size[0]]
        config, build = transformers.EomtConfig, transformers.EomtForUniversalSegmentation
        own = dict(layer_norm_eps=1e-6, patch_size=14)
    else:
        width, depth, heads, hidden, _ = DINOV3[size]
        config, build = transformers.EomtDinov3Config, transformers.EomtDinov3ForUniversalSegmentation
        own = dict(layer_norm_eps=1e-5, patch_size=16, intermediate_size=hidden)
    model = build(config(hidden_size=width, num_hidden_layers=depth, num_attention_heads=heads, image_size=224, num_queries=QUERIES,
                         num_labels=CLASSES, num_blocks=3, num_register_tokens=4, **own))  # fmt: skip
    weights(model, seed=len(name))
    model.attn_mask_probs.zero_()  # trained to the end: no masks in eval mode
    model.save_pretrained(folder)

    def run(images):
        out = model(images)
        return {"mask_logits": out.masks_queries_logits, "class_logits": out.class_queries_logits}

    return folder, run


def lightly_backbone(name, cut):
    family, size = name.split("/vit")
    if family == "dinov2":
        from lightly_train._models.dinov2_vit.dinov2_vit_package import DINOV2_VIT_PACKAGE

        if not cut:
            return DINOV2_VIT_PACKAGE.get_model(model_name="vit" + size, load_weights=False, model_args={"drop_path_rate": 0.0})
        from lightly_train._models.dinov2_vit.dinov2_vit_src.models.vision_transformer import DinoVisionTransformer

        registers = 0 if size.endswith("-noreg") else 4
        width, _, heads = DINOV2[size[0]]
        return DinoVisionTransformer(
            img_size=518, patch_size=14, embed_dim=width, depth=CUT_BLOCKS, num_heads=heads, init_values=1e-5, ffn_layer="swiglufused",
            block_chunks=0, num_register_tokens=registers, interpolate_antialias=registers > 0, interpolate_offset=0.0 if registers else 0.1,
        )  # fmt: skip
    from lightly_train._models.dinov3.dinov3_package import DINOV3_PACKAGE
    from lightly_train._models.dinov3.dinov3_src.hub import backbones
    from lightly_train._models.dinov3.dinov3_src.models.vision_transformer import DinoVisionTransformer

    if cut:
        width, _, heads, _, _ = DINOV3[size]
        huge = size.startswith("7b")
        model = DinoVisionTransformer(
            patch_size=16, pos_embed_rope_base=100, pos_embed_rope_rescale_coords=2, pos_embed_rope_dtype="fp32", embed_dim=width,
            depth=CUT_BLOCKS, num_heads=heads, ffn_ratio=3 if huge else 6, qkv_bias=not huge, layerscale_init=1e-5,
            norm_layer="layernormbf16", ffn_layer="swiglu64" if huge else "swiglu", n_storage_tokens=4, mask_k_bias=True,
            untie_global_and_local_cls_norm=huge,
        )  # fmt: skip
        model.init_weights()
    elif size == "l16plus":  # it has a builder but no name
        model = backbones.dinov3_vitl16plus(pretrained=False)
    else:
        model = DINOV3_PACKAGE.get_model(model_name="vit" + size, load_weights=False)
    periods = model.rope_embed.periods
    periods.copy_(periods.bfloat16())  # as in the files that Meta released
    return model


def lightly_file(name, folder, cut):
    model = weights(lightly_backbone(name, cut), seed=len(name))
    path = os.path.join(folder, name.replace("/", "_") + ".pth")
    torch.save(model.state_dict(), path)

    def run(images):
        out = model.forward_features(images)
        storage = out["x_norm_regtokens"] if "x_norm_regtokens" in out else out["x_storage_tokens"]
        named = {"cls": out["x_norm_clstoken"], "patches": out["x_norm_patchtokens"]}
        return named | ({"storage": storage} if storage.shape[1] else {})

    return path, run


def lightly_eomt(name, folder, cut):
    if name.startswith("dinov2"):
        from lightly_train._task_models.dinov2_eomt_semantic_segmentation.task_model import DINOv2EoMTSemanticSegmentation as Task
    else:
        from lightly_train._task_models.dinov3_eomt_semantic_segmentation.task_model import DINOv3EoMTSemanticSegmentation as Task
    model = Task(
        model_name=name, classes={i: f"class {i}" for i in range(CLASSES)}, class_ignore_index=None, image_size=(224, 224),
        image_normalize={"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}, num_queries=QUERIES, num_joint_blocks=3,
        load_weights=False,
    )  # fmt: skip
    weights(model, seed=len(name))
    path = os.path.join(folder, "exported_last.pt")
    train = {"model." + key: value for key, value in model.state_dict().items()}
    train["criterion.empty_weight"] = torch.ones(CLASSES + 1)
    torch.save({"model_class_path": model.class_path, "model_init_args": model.init_args, "train_model": train, "license_info": "none"}, path)

    def run(images):
        masks, classes = model.forward_train(images, return_logits_per_layer=False)
        return {"mask_logits": masks[-1], "class_logits": classes[-1]}

    return path, run


def cases():
    """name -> (reference's package, maker, model, cut)"""
    out = {}
    for size in "sbl":
        for registers in ("", "-noreg"):
            name = f"dinov2/vit{size}14{registers}"
            out[f"{name}:hf"] = ("transformers", transformers_backbone, name, False)
            out[f"{name}:meta"] = ("lightly-train", lightly_file, name, False)
    for size in ("s16", "s16plus", "b16", "l16", "l16plus"):
        out[f"dinov3/vit{size}:hf"] = ("transformers", transformers_backbone, f"dinov3/vit{size}", False)
    for size in ("t16", "t16plus", "s16", "s16plus", "b16", "l16", "l16plus"):
        out[f"dinov3/vit{size}:meta"] = ("lightly-train", lightly_file, f"dinov3/vit{size}", False)
    for name in ("dinov2/vitg14", "dinov2/vitg14-noreg", "dinov3/vith16plus", "dinov3/vit7b16"):
        out[f"{name}:hf:cut"] = ("transformers", transformers_backbone, name, True)
        out[f"{name}:meta:cut"] = ("lightly-train", lightly_file, name, True)
    for name in ("dinov2/vits14-eomt", "dinov3/vits16-eomt", "dinov3/vitb16-eomt"):
        out[f"{name}:hf-eomt"] = ("transformers", transformers_eomt, name, False)
    for name in ("dinov2/vits14-notpretrained-eomt", "dinov3/vitt16-notpretrained-eomt", "dinov3/vits16-eomt"):
        out[f"{name}:lightly_train"] = ("lightly-train", lightly_eomt, name, False)
    return out


def compare(case, entry, options):
    package, make, name, cut = entry
    folder = os.path.join(options.folder, case.replace("/", "_").replace(":", "_"))
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    path, run = make(name, folder, cut)
    images = image(case)
    with torch.inference_mode():
        theirs = {key: value.contiguous() for key, value in run(images).items()}
    del run
    source, target = os.path.join(folder, "input.safetensors"), os.path.join(folder, "output.safetensors")
    save_file({"input": images}, source)
    command = [options.cut, path, name, str(CUT_BLOCKS), source, target] if cut else [options.muster, "forward", f"model={path}", f"input={source}", f"out={target}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{case}: {' '.join(command)}\n{done.stdout}{done.stderr}")
    ours = load_file(target)
    missing = theirs.keys() - ours.keys()
    assert not missing, f"{case}: Muster gave no {missing}"
    for key, value in theirs.items():
        assert ours[key].shape == value.shape, f"{case}: {key} is {tuple(ours[key].shape)} here, {tuple(value.shape)} there"
    differences = {key: (ours[key] - value).abs().max().item() for key, value in theirs.items()}
    largest = max(value.abs().max().item() for value in theirs.values())
    shutil.rmtree(folder)
    text = ", ".join(f"{key} {difference:.0e}" for key, difference in sorted(differences.items()))
    blocks = f", {CUT_BLOCKS} blocks" if cut else ""
    print(f"| `{name}`{blocks} | {case.split(':')[1]} | {package} {importlib.metadata.version(package)} | {'x'.join(map(str, images.shape[2:]))} "
          f"| {text} | {largest:.0f} |", flush=True)  # fmt: skip
    return max(differences.values()) / max(1.0, largest)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    parser.add_argument("--muster", default=os.path.join(root, "build/dev/bin/muster"))
    parser.add_argument("--cut", default=os.path.join(root, "build/dev/tests/golden/forward_cut"))
    parser.add_argument("--folder", default="/tmp/muster_full")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    known = cases()
    if options.list:
        print("\n".join(known))
        return
    unknown = [case for case in options.cases if case not in known]
    if unknown:
        raise SystemExit(f"no such case: {', '.join(unknown)}; --list names them")
    print("| model | file | reference | image | largest absolute difference | largest value |\n|---|---|---|---|---|---|", flush=True)
    start, worst = time.monotonic(), 0.0
    for case in options.cases or known:
        worst = max(worst, compare(case, known[case], options))
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {time.monotonic() - start:.0f} s", file=sys.stderr)
    if worst > 1e-4:
        raise SystemExit(f"the largest difference, {worst:.1e} of the largest value, is above 1e-4")


if __name__ == "__main__":
    main()
