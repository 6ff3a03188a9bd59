"""Golden values of heads, matching and loss, from transformers' `eomt` (DINOv2). Run in the venv of README.md.

Writes eomt_head.safetensors. Two predictions, each from its own token sequence [queries, CLS, registers, patches] as it
leaves a block: final norm, class and mask head, upscaling, matching, the three loss terms, and the gradient of the weighted
sum over both predictions in tokens, logits and every head parameter. Image 0 has void pixels, image 1 none, image 2 holds
nothing but void. `many.*` are matches where an image has more targets than queries: assignment only.
"""

import torch
from transformers import EomtConfig, EomtForUniversalSegmentation

from golden_common import Draws, binary_masks, blobs, randomise, write_case

EMBED_DIM, QUERIES, CLASSES, REGISTERS, PATCH, BATCH, LAYERS = 16, 7, 5, 4, 16, 3, 2
GRID, SIZE = 3, 48
SEED, STEP, SAMPLE_IDS = 7, 11, [3, 40, 1000003]
POINTS, OVERSAMPLE, IMPORTANCE = 50, 3.0, 0.75
NAMES = {"query.weight": "queries.weight", "class_predictor": "class_head", "mask_head.fc1": "mask_head.0", "mask_head.fc2": "mask_head.2",
         "mask_head.fc3": "mask_head.4", "upscale_block.block.": "upscale.", "layernorm2d": "norm", "layernorm.": "backbone.norm."}  # fmt: skip


def to_muster(name):
    for theirs, ours in NAMES.items():
        name = name.replace(theirs, ours)
    return name


def main():
    torch.set_default_dtype(torch.float64)  # their matcher draws its points in the default dtype
    generator = torch.Generator().manual_seed(201)
    generator32 = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float32).double()
    config = EomtConfig(
        hidden_size=EMBED_DIM, num_hidden_layers=2, num_attention_heads=2, image_size=SIZE, patch_size=PATCH, num_queries=QUERIES,
        num_labels=CLASSES, num_blocks=1, num_register_tokens=REGISTERS, train_num_points=POINTS, oversample_ratio=OVERSAMPLE,
        importance_sample_ratio=IMPORTANCE, layer_norm_eps=1e-5,
    )  # fmt: skip
    model = EomtForUniversalSegmentation(config).double().train()
    heads = {n: p for n, p in model.named_parameters() if not n.startswith(("embeddings", "layers."))}
    randomise(sorted(heads.items()), generator)

    label_maps = blobs(generator, BATCH, CLASSES, SIZE, SIZE, [[0, 3, 1, 4], [2, 0, 3], []])
    label_maps[1][label_maps[1] < 0] = 4
    targets = [binary_masks(m) for m in label_maps]
    masks, labels = [m.double() for m, _ in targets], [classes for _, classes in targets]

    draws = Draws(SEED, STEP, SAMPLE_IDS, POINTS, OVERSAMPLE, IMPORTANCE)
    match = model.criterion.matcher.forward
    model.criterion.matcher.forward = lambda *a, **k: (indices := match(*a, **k), draws.matched(indices))[0]

    result, total, kept = {}, 0.0, []
    with draws.installed():
        for layer in range(LAYERS):
            tokens = generator32(BATCH, QUERIES + 1 + REGISTERS + GRID * GRID, EMBED_DIM).requires_grad_()
            mask_logits, class_logits = model.predict(model.layernorm(tokens))
            mask_logits.retain_grad(), class_logits.retain_grad()
            draws.begin_layer()
            terms = model.criterion(mask_logits, class_logits, masks, labels)
            total = total + 5 * terms["loss_mask"] + 5 * terms["loss_dice"] + 2 * terms["loss_cross_entropy"]
            kept.append((tokens, mask_logits, class_logits, terms))
        total.backward()

    result["output.loss"] = total
    for layer, (tokens, mask_logits, class_logits, terms) in enumerate(kept):
        result |= {
            f"input.tokens.{layer}": tokens,
            f"output.mask_logits.{layer}": mask_logits,
            f"output.class_logits.{layer}": class_logits,
            f"output.loss_mask.{layer}": terms["loss_mask"],
            f"output.loss_dice.{layer}": terms["loss_dice"],
            f"output.loss_class.{layer}": terms["loss_cross_entropy"],
            f"grad.tokens.{layer}": tokens.grad,
            f"grad.mask_logits.{layer}": mask_logits.grad,
            f"grad.class_logits.{layer}": class_logits.grad,
        }
    for name, parameter in heads.items():
        result[f"param.{to_muster(name)}"] = parameter
        if name != "query.weight":  # the queries are the first tokens of the input
            result[f"grad.{to_muster(name)}"] = parameter.grad
    result["input.label_maps"] = label_maps
    result |= {f"draw.{name}": value for name, value in draws.kept.items()}

    # More targets than queries: stripes of nine classes, four of the queries.
    many = torch.arange(SIZE, dtype=torch.int32).div(6, rounding_mode="floor").expand(SIZE, SIZE).contiguous()
    many[:20, :9] = 8
    many_logits, many_classes = generator32(1, 4, 16, 16), generator32(1, 4, 10)
    draws = Draws(SEED, STEP, [77], POINTS, OVERSAMPLE, IMPORTANCE)
    draws.begin_layer()
    masks, labels = binary_masks(many)
    with draws.installed():
        indices = match(many_logits, many_classes, [masks.double()], [labels])
    result |= {"input.many.label_map": many[None], "input.many.mask_logits": many_logits, "input.many.class_logits": many_classes}
    result["output.many.matched.0"] = torch.stack(indices[0], dim=1).to(torch.int32)

    write_case(
        "eomt_head.safetensors", result, reference="transformers eomt", embed_dim=EMBED_DIM, queries=QUERIES, classes=CLASSES,
        storage_tokens=REGISTERS, grid=GRID, layers=LAYERS, seed=SEED, step=STEP, sample_ids=SAMPLE_IDS, points=POINTS,
        oversample_ratio=OVERSAMPLE, importance_ratio=IMPORTANCE, norm_eps=1e-5, upscale_norm_eps=1e-6,
    )  # fmt: skip


if __name__ == "__main__":
    main()
