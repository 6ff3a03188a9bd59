"""Exports in the programs that they are for, run on demand: about 3 minutes on two cores.

    VENV/bin/python tools/golden/check_exports.py [--muster build/dev/bin/muster] [--folder /tmp/muster_exports] [CASE ...]

VENV is the environment `hf` of README.md. For each case transformers makes random weights and saves them; `muster import` reads the folder,
`muster export format=hf` writes another, and transformers must load that with nothing missing or unexpected, the same bits in every
tensor, and the outputs of `muster forward`. Bare backbones also go through `format=meta`: torch.load(weights_only=True) must read the
`.pth`, and importing it must give the same tensors. Prints one row per case; leaves with 1 when anything differs.
"""

import argparse
import os
import shutil
import subprocess
import sys

import torch
from safetensors.torch import load_file, save_file

import transformers
from golden_common import randomise

TOLERANCE = 1e-4

CASES = {
    "dinov2-noreg": ("Dinov2Model", dict(hidden_size=384, num_attention_heads=6, image_size=518, patch_size=14)),
    "dinov2-reg": ("Dinov2WithRegistersModel", dict(hidden_size=384, num_attention_heads=6, image_size=518, patch_size=14)),
    "dinov3": ("DINOv3ViTModel", dict(hidden_size=384, num_attention_heads=6, intermediate_size=1536, num_register_tokens=4)),
    "dinov3-gated": ("DINOv3ViTModel", dict(hidden_size=384, num_attention_heads=6, intermediate_size=1536, use_gated_mlp=True, hidden_act="silu",
                                            num_register_tokens=4)),  # fmt: skip
    "eomt-dinov2": ("EomtForUniversalSegmentation", dict(hidden_size=384, num_attention_heads=6, num_hidden_layers=12, image_size=224,
                                                         patch_size=16, num_blocks=3, num_queries=20, num_labels=7)),  # fmt: skip
    "eomt-dinov3": ("EomtDinov3ForUniversalSegmentation", dict(hidden_size=384, num_attention_heads=6, num_hidden_layers=12,
                                                               intermediate_size=1536, image_size=224, num_blocks=3, num_queries=20,
                                                               num_labels=7, layer_norm_eps=1e-5)),  # fmt: skip
}  # fmt: skip


def make_reference(name, folder):
    kind, values = CASES[name]
    model_class = getattr(transformers, kind)
    torch.manual_seed(0)
    model = model_class(model_class.config_class(**values)).eval()
    randomise(sorted(model.named_parameters()), torch.Generator().manual_seed(1))
    if hasattr(model, "attn_mask_probs"):
        model.attn_mask_probs.zero_()  # as after training: no attention masks in eval mode
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            if parameter_name.endswith("mask_token"):
                parameter.zero_()
    model.save_pretrained(folder)
    model.save_pretrained(folder + "_v5", save_original_format=False)  # in the names of the classes of transformers 5
    return model


def run(muster, *arguments):
    done = subprocess.run([muster, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"muster {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def outputs_of(model, image):
    with torch.no_grad():
        out = model(image)
    if hasattr(out, "class_queries_logits"):
        return {"class_logits": out.class_queries_logits, "mask_logits": out.masks_queries_logits}
    tokens = out.last_hidden_state
    registers = getattr(model.config, "num_register_tokens", 0)
    return {"cls": tokens[:, 0], "patches": tokens[:, 1 + registers :]}


def same_tensors(a, b):
    """Names whose bits differ, or which only one has."""
    return sorted(n for n in a.keys() | b.keys() if n not in a or n not in b or not torch.equal(a[n], b[n]))


def check_case(name, muster, folder):
    kind = CASES[name][0]
    saved, ours, exported = (os.path.join(folder, name, part) for part in ("saved", "muster.safetensors", "exported"))
    reference = make_reference(name, saved)
    problems = []
    run(muster, "import", saved, f"out={ours}")
    run(muster, "import", saved + "_v5", f"out={ours}.v5.safetensors")
    problems += [f"from the names of version 5: {n}" for n in same_tensors(load_file(ours), load_file(ours + ".v5.safetensors"))][:4]
    run(muster, "export", f"model={ours}", "format=hf", f"out={exported}")
    model, info = getattr(transformers, kind).from_pretrained(exported, output_loading_info=True)
    for key in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if info.get(key):
            problems.append(f"{key}: {sorted(info[key])[:4]}")
    problems += [f"differs: {n}" for n in same_tensors(reference.state_dict(), model.state_dict())][:4]

    image = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(7))
    save_file({"input": image}, os.path.join(folder, "input.safetensors"))
    result = os.path.join(folder, name, "outputs.safetensors")
    largest = 0.0
    for source in (exported, ours):
        run(muster, "forward", f"model={source}", f"input={os.path.join(folder, 'input.safetensors')}", f"out={result}")
        values = load_file(result)
        for output, wanted in outputs_of(model, image).items():
            largest = max(largest, (values[output].reshape(wanted.shape) - wanted).abs().max().item() / wanted.abs().max().clamp(min=1).item())
    if largest > TOLERANCE:
        problems.append(f"outputs differ by {largest:.2g} of the largest")

    if "eomt" not in name:
        meta, back = os.path.join(folder, name, "meta.pth"), os.path.join(folder, name, "back.safetensors")
        run(muster, "export", f"model={ours}", "format=meta", f"out={meta}")
        tensors = torch.load(meta, weights_only=True)
        mine = {n.removeprefix("backbone."): t for n, t in load_file(ours).items()}
        problems += [f"in Meta's file: {n}" for n in same_tensors(mine, tensors)][:4]
        run(muster, "import", meta, f"out={back}")
        problems += [f"back from Meta's file: {n}" for n in same_tensors(load_file(ours), load_file(back))][:4]
    queries = [next(n for n in load_file(os.path.join(f, "model.safetensors")) if "0.attention" in n and "q" in n and n.endswith("weight"))
               for f in (saved, saved + "_v5")]  # fmt: skip
    print(f"| {name} | {kind} | {queries[0]}, or {queries[1]} | {len(model.state_dict())} tensors | {largest:.1e} | {'; '.join(problems) or 'same'} |", flush=True)
    return not problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--muster", default="build/dev/bin/muster")
    parser.add_argument("--folder", default="/tmp/muster_exports")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    print(f"transformers {transformers.__version__}, torch {torch.__version__}")
    good = [check_case(name, options.muster, options.folder) for name in options.cases or CASES]
    shutil.rmtree(options.folder)
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
