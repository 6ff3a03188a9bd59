"""Golden values of whole EoMT models from transformers' `eomt` (DINOv2) and `eomt_dinov3`. Run in the venv of README.md.

Writes hf_eomt_{dinov2,dinov3}.safetensors. A training step with RoPE rescale drawn once, attention masks and annealing: K + 1
predictions, attention masks, matches, loss terms, every parameter's gradient. In eval mode the output without masks
(`output.eval`) and every prediction with all of them (`output.masked`), which transformers chooses by `attn_mask_probs`.
"""

import torch
from transformers import EomtConfig, EomtDinov3Config, EomtDinov3ForUniversalSegmentation, EomtForUniversalSegmentation
from transformers.models.eomt import modeling_eomt
from transformers.models.eomt_dinov3 import modeling_eomt_dinov3

from golden_common import STEP, Draws, binary_masks, blobs, in_fp64, randomise, write_case
from transformers_names import backbone_to_muster, bias_masks, heads_to_muster

EMBED_DIM, DEPTH, HEADS, PATCH, GRID, REGISTERS = 16, 3, 2, 10, 4, 4
QUERIES, CLASSES, JOINT, BATCH, SIZE = 7, 5, 2, 2, 40
SEED, TRAIN_STEP, SAMPLE_IDS = 6, 17, [8, 3000000000]
POINTS, OVERSAMPLE, IMPORTANCE = 50, 3.0, 0.75
MASK_PROBABILITIES = [0.75, 0.5]


class Watched:
    """The model's predictions, loss terms and attention masks, as they pass by."""

    def __init__(self, model, reference, draws):
        self.predictions, self.terms, self.masks = [], [], []
        predict, criterion, match = model.predict, model.criterion.forward, model.criterion.matcher.forward
        attend = reference.eager_attention_forward

        def watch_predict(tokens):
            self.predictions.append(predict(tokens))
            return self.predictions[-1]

        def watch_criterion(**arguments):
            draws.begin_layer()
            terms = criterion(**arguments)
            self.terms.append({name: value.clone() for name, value in terms.items()})  # the model weights them in place
            return terms

        def watch_match(*arguments, **named):
            indices = match(*arguments, **named)
            draws.matched(indices)
            return indices

        def watch_attend(module, query, key, value, attention_mask, **named):
            if attention_mask is not None:
                self.masks.append(attention_mask[:, 0, :QUERIES, QUERIES + 1 + REGISTERS :] > 0)
            return attend(module, query, key, value, attention_mask, **named)

        model.predict, model.criterion.forward, model.criterion.matcher.forward = watch_predict, watch_criterion, watch_match
        reference.eager_attention_forward = watch_attend

    def forget(self):
        self.predictions, self.terms, self.masks = [], [], []


def make(file_name, dinov3, seed):
    generator = torch.Generator().manual_seed(seed)
    common = dict(
        hidden_size=EMBED_DIM, num_hidden_layers=DEPTH, num_attention_heads=HEADS, image_size=SIZE, patch_size=PATCH,
        num_queries=QUERIES, num_labels=CLASSES, num_blocks=JOINT, num_register_tokens=REGISTERS, train_num_points=POINTS,
        oversample_ratio=OVERSAMPLE, importance_sample_ratio=IMPORTANCE, attn_implementation="eager",
    )  # fmt: skip
    reference = modeling_eomt_dinov3 if dinov3 else modeling_eomt
    with in_fp64(reference):
        if dinov3:
            config = EomtDinov3Config(intermediate_size=4 * EMBED_DIM, layer_norm_eps=1e-5, **common)
            model = EomtDinov3ForUniversalSegmentation(config)
        else:
            model = EomtForUniversalSegmentation(EomtConfig(mlp_ratio=4, layer_norm_eps=1e-6, **common))
        model = model.double()
    randomise(sorted(model.named_parameters()), generator, STEP)

    images = torch.randn(BATCH, 3, SIZE, SIZE, generator=generator, dtype=torch.float32).double()
    label_maps = blobs(generator, BATCH, CLASSES, SIZE, SIZE, [[0, 3, 1, 4], [2, 0]])
    targets = [binary_masks(m) for m in label_maps]

    draws = Draws(SEED, TRAIN_STEP, SAMPLE_IDS, POINTS, OVERSAMPLE, IMPORTANCE)
    draws.blocks = [DEPTH - JOINT + k for k in range(JOINT)]
    watched = Watched(model, reference, draws)
    model.train()
    model.attn_mask_probs.copy_(torch.tensor(MASK_PROBABILITIES))
    with draws.installed(), in_fp64(reference):
        loss = model(images, [m.double() for m, _ in targets], [classes for _, classes in targets]).loss
        loss.backward()
    assert len(watched.terms) == JOINT + 1 and draws.rope_block == int(dinov3) and not draws.blocks

    result = {"output.loss": loss, "input.images": images, "input.label_maps": label_maps}
    for layer, ((mask_logits, class_logits), terms) in enumerate(zip(watched.predictions, watched.terms)):
        result |= {
            f"output.mask_logits.{layer}": mask_logits,
            f"output.class_logits.{layer}": class_logits,
            f"output.loss_mask.{layer}": terms["loss_mask"],
            f"output.loss_dice.{layer}": terms["loss_dice"],
            f"output.loss_class.{layer}": terms["loss_cross_entropy"],
        }
    assert len(watched.masks) == JOINT
    for k, mask in enumerate(watched.masks):
        assert 0.1 < (~mask).double().mean() < 0.9, f"masks hide {(~mask).double().mean():.0%} of all patches"
        result[f"draw.attention.{DEPTH - JOINT + k}"] = mask.to(torch.uint8)
    result |= {f"draw.{name}": value for name, value in draws.kept.items()}

    parameters = dict(model.named_parameters())
    gradients = {name: p.grad for name, p in parameters.items()}
    for prefix, values in (("param.", parameters), ("grad.", gradients)):
        named = backbone_to_muster(values, DEPTH, dinov3) | heads_to_muster(values)
        result |= {prefix + name: value for name, value in named.items()}
    result["param.backbone.mask_token"] = torch.zeros(1, EMBED_DIM)  # neither model has one
    if dinov3:
        result |= {f"param.{name}": mask for name, mask in bias_masks(EMBED_DIM, DEPTH).items()}

    model.eval()
    for name, probability in (("eval", 0.0), ("masked", 1.0)):
        watched.forget()
        model.attn_mask_probs.fill_(probability)
        with torch.no_grad(), in_fp64(reference):
            model(images)
        assert len(watched.predictions) == (1 if probability == 0 else JOINT + 1)
        for layer, (mask_logits, class_logits) in enumerate(watched.predictions):
            suffix = "" if layer + 1 == len(watched.predictions) else f".{layer}"
            result |= {f"output.{name}.mask_logits{suffix}": mask_logits, f"output.{name}.class_logits{suffix}": class_logits}

    positions = {} if dinov3 else {"positions": [GRID, GRID], "class_position": False}
    write_case(
        file_name, result, STEP, reference=f"transformers {'eomt_dinov3' if dinov3 else 'eomt'}", form="hf",
        family="dinov3" if dinov3 else "dinov2", embed_dim=EMBED_DIM, depth=DEPTH, heads=HEADS, patch_size=PATCH,
        storage_tokens=REGISTERS, ffn="mlp", ffn_hidden=4 * EMBED_DIM, norm_eps=1e-5 if dinov3 else 1e-6, queries=QUERIES,
        classes=CLASSES, joint_blocks=JOINT, seed=SEED, step=TRAIN_STEP, sample_ids=SAMPLE_IDS, points=POINTS,
        oversample_ratio=OVERSAMPLE, importance_ratio=IMPORTANCE, mask_probabilities=MASK_PROBABILITIES, **positions,
    )  # fmt: skip


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)  # their matcher draws its points in the default dtype
    make("hf_eomt_dinov2.safetensors", dinov3=False, seed=501)
    make("hf_eomt_dinov3.safetensors", dinov3=True, seed=502)
