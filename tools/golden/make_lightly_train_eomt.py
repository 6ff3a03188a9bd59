"""Golden values of the joint model and its training loss, from LightlyTrain 0.18. Run in the venv of README.md.

Writes lightly_train_eomt_{mlp,swiglu}.safetensors: LightlyTrain's own training step of its DINOv3 EoMT semantic model on a
tiny backbone, with what makes a training step random switched on: RoPE rescale drawn per block, attention masks, annealing,
points. K + 1 predictions, attention masks, matches, loss terms, every parameter's gradient, and the output in eval mode.
"""

import torch
import torch.nn.functional as F
from lightly_train._data.mask_semantic_segmentation_dataset import MaskSemanticSegmentationDataArgs
from lightly_train._metrics.semantic_segmentation.task_metric import SemanticSegmentationTaskMetricArgs
from lightly_train._models.dinov3.dinov3_package import DINOV3_PACKAGE
from lightly_train._models.dinov3.dinov3_src.models.vision_transformer import DinoVisionTransformer
from lightly_train._task_models.dinov3_eomt_semantic_segmentation import train_model as reference
from lightly_train._task_models.dinov3_eomt_semantic_segmentation import transforms

from golden_common import Draws, binary_masks, blobs, randomise, write_case

EMBED_DIM, DEPTH, HEADS, PATCH, STORAGE = 16, 4, 2, 8, 4
QUERIES, CLASSES, JOINT, BATCH = 7, 5, 2, 2
HEIGHT, WIDTH = 43, 29  # a grid of 5 x 3 and a remainder
SEED, STEP, SAMPLE_IDS = 5, 21, [12, 4000000000]
POINTS, OVERSAMPLE, IMPORTANCE = 50, 3.0, 0.75
MASK_PROBABILITIES = [0.75, 0.5]
SWIGLU_RATIO = 3.75  # hidden 40


def build(swiglu):
    backbone = DinoVisionTransformer(
        patch_size=PATCH, pos_embed_rope_base=100, pos_embed_rope_rescale_coords=2, pos_embed_rope_dtype="fp32", embed_dim=EMBED_DIM,
        depth=DEPTH, num_heads=HEADS, ffn_ratio=SWIGLU_RATIO if swiglu else 4, layerscale_init=1e-5, norm_layer="layernormbf16",
        ffn_layer="swiglu" if swiglu else "mlp", n_storage_tokens=STORAGE, mask_k_bias=True,
    )  # fmt: skip
    backbone.init_weights()
    DINOV3_PACKAGE.get_model = lambda **_: backbone
    data = MaskSemanticSegmentationDataArgs(
        train={"images": ".", "masks": "."}, val={"images": ".", "masks": "."}, classes={i: str(i) for i in range(CLASSES)}
    )
    model_args = reference.DINOv3EoMTSemanticSegmentationTrainArgs(
        num_queries=QUERIES, num_joint_blocks=JOINT, loss_num_points=POINTS, loss_oversample_ratio=OVERSAMPLE,
        loss_importance_sample_ratio=IMPORTANCE, attn_mask_annealing_steps_start=[10, 20], attn_mask_annealing_steps_end=[20, 30],
    )  # fmt: skip
    common = {"ignore_index": -100, "image_size": (HEIGHT, WIDTH), "num_channels": 3, "normalize": {}}
    module = reference.DINOv3EoMTSemanticSegmentationTrain(
        model_name="dinov3/vitt16-notpretrained-eomt",
        model_args=model_args,
        data_args=data,
        train_transform_args=transforms.DINOv3EoMTSemanticSegmentationTrainTransformArgs(**common),
        val_transform_args=transforms.DINOv3EoMTSemanticSegmentationValTransformArgs(**common),
        load_weights=False,
        metric_args=SemanticSegmentationTaskMetricArgs(),
        gradient_accumulation_steps=1,
    )
    module = module.double()
    backbone.rope_embed.dtype = torch.float64
    backbone.rope_embed._init_weights()
    return module


def make(file_name, swiglu, seed):
    generator = torch.Generator().manual_seed(seed)
    module = build(swiglu)
    model = module.model
    randomise(sorted(model.named_parameters()), generator)
    for block in model.backbone.blocks:  # neither all ones nor all zeros
        mask = block.attn.qkv.bias_mask
        mask.copy_(torch.rand(mask.shape, generator=generator, dtype=torch.float32).round(decimals=2))
        mask[EMBED_DIM : EMBED_DIM + 5] = 0
    model.attn_mask_probs.copy_(torch.tensor(MASK_PROBABILITIES, dtype=torch.float64))

    images = torch.randn(BATCH, 3, HEIGHT, WIDTH, generator=generator, dtype=torch.float32).double()
    label_maps = blobs(generator, BATCH, CLASSES, HEIGHT, WIDTH, [[0, 3, 1, 4], [2, 0]])
    targets = [binary_masks(m) for m in label_maps]
    batch = {
        "image": images,
        "mask": torch.where(label_maps < 0, -100, label_maps).long(),
        "binary_masks": [{"masks": m, "labels": classes} for m, classes in targets],
    }

    result, layers, attention_masks = {}, [], []
    draws = Draws(SEED, STEP, SAMPLE_IDS, POINTS, OVERSAMPLE, IMPORTANCE)
    draws.blocks = list(range(DEPTH - JOINT, DEPTH))
    criterion, match, attend = module.criterion.forward, module.criterion.matcher.forward, F.scaled_dot_product_attention

    def watch_criterion(masks_queries_logits, targets, class_queries_logits):
        draws.begin_layer()
        terms = criterion(masks_queries_logits=masks_queries_logits, targets=targets, class_queries_logits=class_queries_logits)
        layers.append((masks_queries_logits, class_queries_logits, terms))
        return terms

    def watch_match(*args, **kwargs):
        indices = match(*args, **kwargs)
        draws.matched(indices)
        return indices

    def watch_attention(q, k, v, attn_mask=None, **kwargs):
        if attn_mask is not None:
            attention_masks.append(attn_mask[:, 0, :QUERIES, QUERIES + 1 + STORAGE :].clone())
        return attend(q, k, v, attn_mask=attn_mask, **kwargs)

    module.criterion.forward = watch_criterion
    module.criterion.matcher.forward = watch_match
    torch.nn.functional.scaled_dot_product_attention = watch_attention
    module.train()
    with draws.installed():
        loss = module.training_step(fabric=None, batch=batch, step=STEP).loss
        loss.backward()
    torch.nn.functional.scaled_dot_product_attention = attend

    assert len(layers) == JOINT + 1 and len(attention_masks) == JOINT and draws.rope_block == DEPTH and not draws.blocks
    result["output.loss"] = loss
    for layer, (mask_logits, class_logits, terms) in enumerate(layers):
        result |= {
            f"output.mask_logits.{layer}": mask_logits,
            f"output.class_logits.{layer}": class_logits,
            f"output.loss_mask.{layer}": terms["loss_mask"],
            f"output.loss_dice.{layer}": terms["loss_dice"],
            f"output.loss_class.{layer}": terms["loss_cross_entropy"],
        }
    for k, mask in enumerate(attention_masks):
        assert 0.1 < (~mask).double().mean() < 0.9, f"masks hide {(~mask).double().mean():.0%} of all patches"
        result[f"draw.attention.{DEPTH - JOINT + k}"] = mask.to(torch.uint8)
    result |= {f"draw.{name}": value for name, value in draws.kept.items()}
    for name, parameter in model.named_parameters():
        result[f"param.{name}"] = parameter
        if parameter.requires_grad:
            result[f"grad.{name}"] = parameter.grad
    for name, buffer in model.named_buffers():
        if name.endswith("bias_mask"):
            result[f"param.{name}"] = buffer
    result |= {"input.images": images, "input.label_maps": label_maps}

    model.eval()
    with torch.no_grad():
        mask_logits, class_logits = model.forward_train(images, return_logits_per_layer=False)
    result |= {"output.eval.mask_logits": mask_logits[-1], "output.eval.class_logits": class_logits[-1]}
    write_case(
        file_name, result, reference="lightly-train 0.18", embed_dim=EMBED_DIM, depth=DEPTH, heads=HEADS, patch_size=PATCH,
        storage_tokens=STORAGE, ffn="swiglu" if swiglu else "mlp", ffn_hidden=40 if swiglu else 4 * EMBED_DIM, norm_eps=1e-5,
        upscale_norm_eps=1e-5, queries=QUERIES, classes=CLASSES, joint_blocks=JOINT, seed=SEED, step=STEP, sample_ids=SAMPLE_IDS,
        points=POINTS, oversample_ratio=OVERSAMPLE, importance_ratio=IMPORTANCE, mask_probabilities=MASK_PROBABILITIES,
    )  # fmt: skip


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)  # their matcher draws its points in the default dtype
    make("lightly_train_eomt_mlp.safetensors", swiglu=False, seed=304)
    make("lightly_train_eomt_swiglu.safetensors", swiglu=True, seed=305)
