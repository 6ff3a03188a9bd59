"""Golden values of the joint model and its training loss, from LightlyTrain 0.18. Run in the venv of README.md.

Writes lightly_train_eomt_*.safetensors: LightlyTrain's own training step of its EoMT semantic models on tiny backbones (DINOv3:
mlp, swiglu; DINOv2: dinov2, dinov2_registers), with what makes a training step random switched on: RoPE rescale drawn per block,
attention masks, annealing, points. K + 1 predictions, attention masks, matches, loss terms, every parameter's gradient, and the
output in eval mode.
lightly_train_steps.safetensors: where seven optimizer steps take the parameters of the first file.
"""

from functools import partial
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from lightly_train._data.mask_semantic_segmentation_dataset import MaskSemanticSegmentationDataArgs
from lightly_train._metrics.semantic_segmentation.task_metric import SemanticSegmentationTaskMetricArgs
from lightly_train._models.dinov2_vit.dinov2_vit_package import DINOV2_VIT_PACKAGE
from lightly_train._models.dinov2_vit.dinov2_vit_src.layers import MemEffAttention, NestedTensorBlock
from lightly_train._models.dinov2_vit.dinov2_vit_src.models import vision_transformer as dinov2
from lightly_train._models.dinov3.dinov3_package import DINOV3_PACKAGE
from lightly_train._models.dinov3.dinov3_src.models.vision_transformer import DinoVisionTransformer
from lightly_train._task_models.dinov2_eomt_semantic_segmentation import train_model as dinov2_train
from lightly_train._task_models.dinov2_eomt_semantic_segmentation import transforms as dinov2_transforms
from lightly_train._task_models.dinov3_eomt_semantic_segmentation import train_model as dinov3_train
from lightly_train._task_models.dinov3_eomt_semantic_segmentation import transforms as dinov3_transforms

from golden_common import STEP as PARAMETER_STEP
from golden_common import Draws, binary_masks, blobs, in_fp64, randomise, write_case

EMBED_DIM, HEADS = 16, 2
QUERIES, CLASSES, JOINT, BATCH = 7, 5, 2, 2
# Grids of 5 x 3 and a remainder, which DINOv3 drops and DINOv2 rounds up; DINOv2's table has 4 x 4.
MLP = SimpleNamespace(family="dinov3", ffn="mlp", hidden=64, depth=4, patch=8, storage=4, size=(43, 29), step=None)
SWIGLU = SimpleNamespace(family="dinov3", ffn="swiglu", hidden=40, depth=4, patch=8, storage=4, size=(43, 29), step=None)
DINOV2 = SimpleNamespace(family="dinov2", ffn="mlp", hidden=64, depth=3, patch=10, storage=0, size=(47, 28), step=PARAMETER_STEP)
REGISTERS = SimpleNamespace(family="dinov2", ffn="packed_swiglu", hidden=48, depth=3, patch=10, storage=4, size=(47, 28), step=PARAMETER_STEP)
TABLE = 4
SEED, STEP, SAMPLE_IDS = 5, 21, [12, 4000000000]
POINTS, OVERSAMPLE, IMPORTANCE = 50, 3.0, 0.75
MASK_PROBABILITIES = [0.75, 0.5]
SWIGLU_RATIO = 3.75  # hidden 40
STEPS, TOTAL_STEPS, LR, WARMUP = 7, 9, 1e-2, (1, 2)
ANNEALING = [1, 3], [4, 6]


def dinov3_backbone(case):
    backbone = DinoVisionTransformer(
        patch_size=case.patch, pos_embed_rope_base=100, pos_embed_rope_rescale_coords=2, pos_embed_rope_dtype="fp32", embed_dim=EMBED_DIM,
        depth=case.depth, num_heads=HEADS, ffn_ratio=SWIGLU_RATIO if case.ffn == "swiglu" else 4, layerscale_init=1e-5,
        norm_layer="layernormbf16", ffn_layer=case.ffn, n_storage_tokens=case.storage, mask_k_bias=True,
    )  # fmt: skip
    backbone.init_weights()
    return backbone


def dinov2_backbone(case):
    return dinov2.DinoVisionTransformer(
        img_size=case.patch * TABLE, patch_size=case.patch, embed_dim=EMBED_DIM, depth=case.depth, num_heads=HEADS, init_values=1e-5,
        ffn_layer="mlp" if case.ffn == "mlp" else "swiglufused", block_fn=partial(NestedTensorBlock, attn_class=MemEffAttention),
        block_chunks=0, num_register_tokens=case.storage, interpolate_antialias=case.storage > 0,
        interpolate_offset=0.0 if case.storage else 0.1,
    )  # fmt: skip


def build(case):
    new = case.family == "dinov3"
    backbone = dinov3_backbone(case) if new else dinov2_backbone(case)
    package, reference, transforms, prefix = (
        (DINOV3_PACKAGE, dinov3_train, dinov3_transforms, "DINOv3") if new else (DINOV2_VIT_PACKAGE, dinov2_train, dinov2_transforms, "DINOv2")
    )
    package.get_model = lambda **_: backbone
    data = MaskSemanticSegmentationDataArgs(
        train={"images": ".", "masks": "."}, val={"images": ".", "masks": "."}, classes={i: str(i) for i in range(CLASSES)}
    )
    model_args = getattr(reference, prefix + "EoMTSemanticSegmentationTrainArgs")(
        num_queries=QUERIES, num_joint_blocks=JOINT, loss_num_points=POINTS, loss_oversample_ratio=OVERSAMPLE,
        loss_importance_sample_ratio=IMPORTANCE, attn_mask_annealing_steps_start=[10, 20], attn_mask_annealing_steps_end=[20, 30],
        **({} if new else {"drop_path_rate": 0.0}),
    )  # fmt: skip
    common = {"ignore_index": -100, "image_size": case.size, "num_channels": 3, "normalize": {}}
    module = getattr(reference, prefix + "EoMTSemanticSegmentationTrain")(
        model_name="dinov3/vitt16-notpretrained-eomt" if new else "dinov2/vits14-notpretrained-eomt",
        model_args=model_args,
        data_args=data,
        train_transform_args=getattr(transforms, prefix + "EoMTSemanticSegmentationTrainTransformArgs")(**common),
        val_transform_args=getattr(transforms, prefix + "EoMTSemanticSegmentationValTransformArgs")(**common),
        load_weights=False,
        metric_args=SemanticSegmentationTaskMetricArgs(),
        gradient_accumulation_steps=1,
    )
    module = module.double()
    if new:
        backbone.rope_embed.dtype = torch.float64
        backbone.rope_embed._init_weights()
    return module


def randomised(case, seed):
    """The module with random parameters, and a batch for it."""
    generator = torch.Generator().manual_seed(seed)
    module = build(case)
    randomise(sorted(module.model.named_parameters()), generator, case.step)
    if case.family == "dinov3":
        for block in module.model.backbone.blocks:  # neither all ones nor all zeros
            mask = block.attn.qkv.bias_mask
            mask.copy_(torch.rand(mask.shape, generator=generator, dtype=torch.float32).round(decimals=2))
            mask[EMBED_DIM : EMBED_DIM + 5] = 0

    images = torch.randn(BATCH, 3, *case.size, generator=generator, dtype=torch.float32).double()
    label_maps = blobs(generator, BATCH, CLASSES, *case.size, [[0, 3, 1, 4], [2, 0]])
    targets = [binary_masks(m) for m in label_maps]
    batch = {
        "image": images,
        "mask": torch.where(label_maps < 0, -100, label_maps).long(),
        "binary_masks": [{"masks": m, "labels": classes} for m, classes in targets],
    }
    return module, batch, label_maps


class Watched:
    """The module's training step with our draws, and what passes through its criterion, matcher and attention."""

    def __init__(self, module, case):
        self.case = case
        self.module, self.criterion, self.match = module, module.criterion.forward, module.criterion.matcher.forward
        module.criterion.forward, module.criterion.matcher.forward = self._criterion, self._matcher

    def _criterion(self, masks_queries_logits, targets, class_queries_logits):
        self.draws.begin_layer()
        terms = self.criterion(masks_queries_logits=masks_queries_logits, targets=targets, class_queries_logits=class_queries_logits)
        self.layers.append((masks_queries_logits, class_queries_logits, terms))
        return terms

    def _matcher(self, *args, **kwargs):
        indices = self.match(*args, **kwargs)
        self.draws.matched(indices)
        return indices

    def step(self, batch, step):
        """Forward and backward; the loss."""
        self.draws = Draws(SEED, step, SAMPLE_IDS, POINTS, OVERSAMPLE, IMPORTANCE)
        self.layers, self.attention_masks = [], []
        probabilities = self.module.model.attn_mask_probs
        self.draws.blocks = [self.case.depth - JOINT + k for k in range(JOINT) if probabilities[k] < 1]
        attend = F.scaled_dot_product_attention

        def watch_attention(*args, attn_mask=None, **kwargs):
            if attn_mask is not None:
                self.attention_masks.append(attn_mask[:, 0, :QUERIES, QUERIES + 1 + self.case.storage :].clone())
            return attend(*args, attn_mask=attn_mask, **kwargs)

        torch.nn.functional.scaled_dot_product_attention = watch_attention
        self.module.train()
        with self.draws.installed(), in_fp64(dinov2):
            loss = self.module.training_step(fabric=None, batch=batch, step=step).loss
            loss.backward()
        torch.nn.functional.scaled_dot_product_attention = attend
        rope_draws = self.case.depth if self.case.family == "dinov3" else 0
        assert len(self.layers) == JOINT + 1 and self.draws.rope_block == rope_draws and not self.draws.blocks
        return loss


def make(file_name, case, seed):
    module, batch, label_maps = randomised(case, seed)
    model, images = module.model, batch["image"]
    model.attn_mask_probs.copy_(torch.tensor(MASK_PROBABILITIES, dtype=torch.float64))
    watched = Watched(module, case)
    result = {"output.loss": watched.step(batch, STEP)}

    for layer, (mask_logits, class_logits, terms) in enumerate(watched.layers):
        result |= {
            f"output.mask_logits.{layer}": mask_logits,
            f"output.class_logits.{layer}": class_logits,
            f"output.loss_mask.{layer}": terms["loss_mask"],
            f"output.loss_dice.{layer}": terms["loss_dice"],
            f"output.loss_class.{layer}": terms["loss_cross_entropy"],
        }
    assert len(watched.attention_masks) == JOINT
    for k, mask in enumerate(watched.attention_masks):
        assert 0.1 < (~mask).double().mean() < 0.9, f"masks hide {(~mask).double().mean():.0%} of all patches"
        result[f"draw.attention.{case.depth - JOINT + k}"] = mask.to(torch.uint8)
    result |= {f"draw.{name}": value for name, value in watched.draws.kept.items()}
    for name, parameter in model.named_parameters():
        result[f"param.{name}"] = parameter
        if parameter.requires_grad:
            result[f"grad.{name}"] = parameter.grad
    for name, buffer in model.named_buffers():
        if name.endswith("bias_mask"):
            result[f"param.{name}"] = buffer
    result |= {"input.images": images, "input.label_maps": label_maps}

    model.eval()
    with torch.no_grad(), in_fp64(dinov2):
        mask_logits, class_logits = model.forward_train(images, return_logits_per_layer=False)
    result |= {"output.eval.mask_logits": mask_logits[-1], "output.eval.class_logits": class_logits[-1]}
    positions = {} if case.family == "dinov3" else {"positions": [TABLE, TABLE]}
    write_case(
        file_name, result, case.step, reference="lightly-train", form="lightly_train", family=case.family, embed_dim=EMBED_DIM,
        depth=case.depth, heads=HEADS, patch_size=case.patch, storage_tokens=case.storage, ffn=case.ffn, ffn_hidden=case.hidden,
        norm_eps=1e-5 if case.family == "dinov3" else 1e-6, queries=QUERIES, classes=CLASSES, joint_blocks=JOINT, seed=SEED,
        step=STEP, sample_ids=SAMPLE_IDS, points=POINTS, oversample_ratio=OVERSAMPLE, importance_ratio=IMPORTANCE,
        mask_probabilities=MASK_PROBABILITIES, **positions,
    )  # fmt: skip


def make_steps(file_name, seed):
    """Optimizer steps from the start of `make` with the same seed: its groups, decay, clipping, schedule and annealing."""
    module, batch, _ = randomised(MLP, seed)
    model, args = module.model, module.model_args
    args.attn_mask_annealing_steps_start, args.attn_mask_annealing_steps_end = ANNEALING
    args.lr, args.lr_warmup_steps = LR, WARMUP
    module.set_train_mode()
    optimizer, scheduler = module.get_optimizer(total_steps=TOTAL_STEPS, global_batch_size=BATCH)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    watched, losses, norms, probabilities = Watched(module, MLP), [], [], []
    for step in range(STEPS):
        probabilities.append(model.attn_mask_probs.clone())
        optimizer.zero_grad()
        losses.append(watched.step(batch, step).detach())
        # Fabric's clip_gradients calls this function.
        norms.append(torch.nn.utils.clip_grad_norm_(module.parameters(), args.gradient_clip_val))
        optimizer.step()
        scheduler.step()
    # How far each parameter went: small numbers, so fp32 keeps them to 1e-10.
    result = {f"moved.{name}": (parameter - before[name]).float() for name, parameter in model.named_parameters() if parameter.requires_grad}
    result |= {"output.loss": torch.stack(losses), "output.grad_norm": torch.stack(norms), "draw.probabilities": torch.stack(probabilities)}
    write_case(
        file_name, result, reference="lightly-train", steps=STEPS, total_steps=TOTAL_STEPS, batch=BATCH, lr=LR, llrd=args.llrd,
        weight_decay=args.weight_decay, warmup=WARMUP, clip=args.gradient_clip_val, annealing_start=ANNEALING[0], annealing_end=ANNEALING[1],
    )  # fmt: skip


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)  # their matcher draws its points in the default dtype
    make("lightly_train_eomt_mlp.safetensors", MLP, seed=304)
    make("lightly_train_eomt_swiglu.safetensors", SWIGLU, seed=305)
    make("lightly_train_eomt_dinov2.safetensors", DINOV2, seed=306)
    make("lightly_train_eomt_dinov2_registers.safetensors", REGISTERS, seed=308)
    make_steps("lightly_train_steps.safetensors", seed=304)
