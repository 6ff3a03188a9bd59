"""Golden values of the joint model and its training loss, from LightlyTrain 0.18. Run in the venv of README.md.

Writes lightly_train_eomt_{mlp,swiglu}.safetensors: LightlyTrain's own training step of its DINOv3 EoMT semantic model on a
tiny backbone, with what makes a training step random switched on: RoPE rescale drawn per block, attention masks, annealing,
points. K + 1 predictions, attention masks, matches, loss terms, every parameter's gradient, and the output in eval mode.
lightly_train_steps.safetensors: where seven optimizer steps take the parameters of the first file.
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
STEPS, TOTAL_STEPS, LR, WARMUP = 7, 9, 1e-2, (1, 2)
ANNEALING = [1, 3], [4, 6]


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


def randomised(swiglu, seed):
    """The module with random parameters, and a batch for it."""
    generator = torch.Generator().manual_seed(seed)
    module = build(swiglu)
    randomise(sorted(module.model.named_parameters()), generator)
    for block in module.model.backbone.blocks:  # neither all ones nor all zeros
        mask = block.attn.qkv.bias_mask
        mask.copy_(torch.rand(mask.shape, generator=generator, dtype=torch.float32).round(decimals=2))
        mask[EMBED_DIM : EMBED_DIM + 5] = 0

    images = torch.randn(BATCH, 3, HEIGHT, WIDTH, generator=generator, dtype=torch.float32).double()
    label_maps = blobs(generator, BATCH, CLASSES, HEIGHT, WIDTH, [[0, 3, 1, 4], [2, 0]])
    targets = [binary_masks(m) for m in label_maps]
    batch = {
        "image": images,
        "mask": torch.where(label_maps < 0, -100, label_maps).long(),
        "binary_masks": [{"masks": m, "labels": classes} for m, classes in targets],
    }
    return module, batch, label_maps


class Watched:
    """The module's training step with our draws, and what passes through its criterion, matcher and attention."""

    def __init__(self, module):
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
        self.draws.blocks = [DEPTH - JOINT + k for k in range(JOINT) if probabilities[k] < 1]
        attend = F.scaled_dot_product_attention

        def watch_attention(q, k, v, attn_mask=None, **kwargs):
            if attn_mask is not None:
                self.attention_masks.append(attn_mask[:, 0, :QUERIES, QUERIES + 1 + STORAGE :].clone())
            return attend(q, k, v, attn_mask=attn_mask, **kwargs)

        torch.nn.functional.scaled_dot_product_attention = watch_attention
        self.module.train()
        with self.draws.installed():
            loss = self.module.training_step(fabric=None, batch=batch, step=step).loss
            loss.backward()
        torch.nn.functional.scaled_dot_product_attention = attend
        assert len(self.layers) == JOINT + 1 and self.draws.rope_block == DEPTH and not self.draws.blocks
        return loss


def make(file_name, swiglu, seed):
    module, batch, label_maps = randomised(swiglu, seed)
    model, images = module.model, batch["image"]
    model.attn_mask_probs.copy_(torch.tensor(MASK_PROBABILITIES, dtype=torch.float64))
    watched = Watched(module)
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
        result[f"draw.attention.{DEPTH - JOINT + k}"] = mask.to(torch.uint8)
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
    with torch.no_grad():
        mask_logits, class_logits = model.forward_train(images, return_logits_per_layer=False)
    result |= {"output.eval.mask_logits": mask_logits[-1], "output.eval.class_logits": class_logits[-1]}
    write_case(
        file_name, result, reference="lightly-train 0.18", embed_dim=EMBED_DIM, depth=DEPTH, heads=HEADS, patch_size=PATCH,
        storage_tokens=STORAGE, ffn="swiglu" if swiglu else "mlp", ffn_hidden=40 if swiglu else 4 * EMBED_DIM, norm_eps=1e-5,
        upscale_norm_eps=1e-5, queries=QUERIES, classes=CLASSES, joint_blocks=JOINT, seed=SEED, step=STEP, sample_ids=SAMPLE_IDS,
        points=POINTS, oversample_ratio=OVERSAMPLE, importance_ratio=IMPORTANCE, mask_probabilities=MASK_PROBABILITIES,
    )  # fmt: skip


def make_steps(file_name, seed):
    """Optimizer steps from the start of `make` with the same seed: its groups, decay, clipping, schedule and annealing."""
    module, batch, _ = randomised(False, seed)
    model, args = module.model, module.model_args
    args.attn_mask_annealing_steps_start, args.attn_mask_annealing_steps_end = ANNEALING
    args.lr, args.lr_warmup_steps = LR, WARMUP
    module.set_train_mode()
    optimizer, scheduler = module.get_optimizer(total_steps=TOTAL_STEPS, global_batch_size=BATCH)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    watched, losses, norms, probabilities = Watched(module), [], [], []
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
        file_name, result, reference="lightly-train 0.18", steps=STEPS, total_steps=TOTAL_STEPS, batch=BATCH, lr=LR, llrd=args.llrd,
        weight_decay=args.weight_decay, warmup=WARMUP, clip=args.gradient_clip_val, annealing_start=ANNEALING[0], annealing_end=ANNEALING[1],
    )  # fmt: skip


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)  # their matcher draws its points in the default dtype
    make("lightly_train_eomt_mlp.safetensors", swiglu=False, seed=304)
    make("lightly_train_eomt_swiglu.safetensors", swiglu=True, seed=305)
    make_steps("lightly_train_steps.safetensors", seed=304)
