"""What the golden generators share: Muster's random numbers, written a second time, and one file per case.

The references draw points, annealing and RoPE scales from torch's generator. Here `torch.rand` and `uniform_` are replaced,
for the length of one call, by Philox as `src/CONTRACTS.md` 6 defines it, so that the C++ test runs its ordinary code with
nothing injected, and the layout of the random streams is itself checked by independent code.
"""

import contextlib
import json
import math
import os

import numpy as np
import torch
from safetensors.torch import save_file

STREAM_POINTS, STREAM_MASK_ANNEAL, STREAM_ROPE = 4, 5, 6
STEP = 1 / 64  # of parameters that are stored as bytes
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden", "data")


def philox4x32_10(counter, key):
    """counter: four arrays of uint64 holding 32-bit words; key: two ints. Salmon et al. 2011, section 3.3."""
    mask = np.uint64(0xFFFFFFFF)
    shift = np.uint64(32)
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        product0 = np.uint64(0xD2511F53) * c0
        product1 = np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = (
            (product1 >> shift) ^ c1 ^ np.uint64(k0),
            product1 & mask,
            (product0 >> shift) ^ c3 ^ np.uint64(k1),
            product0 & mask,
        )
        k0 = (k0 + 0x9E3779B9) & 0xFFFFFFFF
        k1 = (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c0, c1, c2, c3


def uniforms(count, seed, stream, site, sample_id, step, first=0):
    """Values first .. first + count - 1 of one random sequence: multiples of 2^-24 in [0, 1), float64 array."""
    index = np.arange(first, first + count, dtype=np.uint64)
    block = index // np.uint64(4)
    tail = [np.full_like(block, word) for word in (site, sample_id, step)]
    words = np.stack(philox4x32_10((block, *tail), (seed, stream)))  # [4, count]
    chosen = words[(index % np.uint64(4)).astype(np.int64), np.arange(count)]
    return (chosen >> np.uint64(8)).astype(np.float64) / 2.0**24


class Draws:
    """Answers the references' draws in the order in which they make them, and keeps what it answered."""

    def __init__(self, seed, step, sample_ids, num_points, oversample_ratio, importance_ratio):
        self.seed, self.step, self.sample_ids = seed, step, sample_ids
        self.num_points = num_points
        self.candidates = int(num_points * oversample_ratio)
        self.fresh = num_points - int(num_points * importance_ratio)
        self.layer = -1  # prediction whose loss is being taken
        self.image = 0
        self.pairs = []  # of the current prediction: (image, query, target) in the references' order
        self.blocks = []  # blocks that will ask for an annealing draw, in order
        self.rope_block = 0
        self.kept = {}

    def begin_layer(self):
        self.layer += 1
        self.image = 0

    def matched(self, indices):
        self.pairs = [(i, int(q), int(t)) for i, (qs, ts) in enumerate(indices) for q, t in zip(qs, ts)]
        for i, (qs, ts) in enumerate(indices):
            pairs = torch.stack([qs, ts], dim=1).to(torch.int32) if len(qs) else torch.zeros(0, 2, dtype=torch.int32)
            self.kept[f"matched.{self.layer}.{i}"] = pairs.contiguous()

    def rand(self, *size, device=None, dtype=None):
        shape = tuple(size[0]) if isinstance(size[0], (tuple, list, torch.Size)) else size
        if len(shape) == 2:  # annealing: one value per (image, query)
            block = self.blocks.pop(0)
            values = np.stack([uniforms(shape[1], self.seed, STREAM_MASK_ANNEAL, block, s, self.step) for s in self.sample_ids])
            self.kept[f"anneal.{block}"] = torch.from_numpy(values).float()
        elif shape == (1, self.num_points, 2):  # matcher: points shared by all masks of an image
            values = uniforms(2 * self.num_points, self.seed, STREAM_POINTS, self.layer, self.sample_ids[self.image], self.step)
            self.image += 1
        elif shape[1:] == (self.candidates, 2):
            values = self._mask_points(self.candidates, 0)
        elif shape[1:] == (self.fresh, 2):
            values = self._mask_points(self.fresh, 2 * self.candidates)
        else:
            raise RuntimeError(f"unexpected draw of shape {shape}")
        return torch.from_numpy(np.ascontiguousarray(values)).reshape(shape).to(torch.get_default_dtype())

    def _mask_points(self, count, first):
        """The loss's points of a mask: site (layer + 1) * 65536 + target, candidates first, then the fresh ones."""
        return np.stack(
            [
                uniforms(2 * count, self.seed, STREAM_POINTS, (self.layer + 1) * 65536 + target, self.sample_ids[image], self.step, first)
                for image, _, target in self.pairs
            ]
        ).reshape(len(self.pairs), count, 2) if self.pairs else np.zeros((0, count, 2))

    def uniform_(self, tensor, low, high):
        """RoPE's log-scale: one value per block and step, the same for every sample."""
        u = uniforms(1, self.seed, STREAM_ROPE, self.rope_block, 0, self.step)[0]
        self.kept[f"rope_scale.{self.rope_block}"] = torch.tensor([math.exp(low + (high - low) * u)], dtype=torch.float64)
        self.rope_block += 1
        return tensor.fill_(low + (high - low) * u)

    @contextlib.contextmanager
    def installed(self):
        rand, uniform_ = torch.rand, torch.Tensor.uniform_
        torch.rand = self.rand
        torch.Tensor.uniform_ = lambda tensor, low=0.0, high=1.0: self.uniform_(tensor, low, high)
        try:
            yield self
        finally:
            torch.rand, torch.Tensor.uniform_ = rand, uniform_


@contextlib.contextmanager
def in_fp64(*modules):
    """The references compute some tables in fp32 whatever the model's type (RoPE, resized positions, softmax). Inside, what
    those modules call `torch.float32` is fp64, as is `Tensor.float()`: the same formulas, so that 1e-10 can be asked for."""

    class Lifted:
        float32 = torch.float64

        def __getattr__(self, name):
            return getattr(torch, name)

    to_float = torch.Tensor.float
    torch.Tensor.float = torch.Tensor.double
    for module in modules:
        module.torch = Lifted()
    try:
        yield
    finally:
        torch.Tensor.float = to_float
        for module in modules:
            module.torch = torch


def randomise(named_parameters, generator, step=None):
    """Every parameter matters and no activation saturates: LayerScale about 1, norms about 1 and 0, weights by fan-in.
    With `step`, every value is one of its multiples from -127 to 127."""
    with torch.no_grad():
        for name, parameter in named_parameters:
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float32)
            if "norm" in name and name.endswith("weight"):
                value = 1 + 0.2 * noise
            elif name.endswith(("gamma", "lambda1")):
                value = 1 + 0.3 * noise
            elif parameter.dim() <= 1 or "token" in name:
                value = 0.2 * noise
            elif "pos" in name:  # learned positions
                value = 0.5 * noise
            elif "quer" in name:
                value = noise
            else:
                fan_in = parameter[0].numel() if "conv1" not in name else parameter.shape[0]
                value = noise / math.sqrt(fan_in)
            if step is not None:
                value = (value / step).round().clamp(-127, 127) * step
            parameter.copy_(value.to(parameter.dtype))  # every value is one of fp32, so parameters are stored as fp32


def blobs(generator, batch, classes, height, width, blobs_per_image):
    """Label maps [B,H,W] int32 of discs: train index, or -1 for void. blobs_per_image: per image a list of labels."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    maps = torch.full((batch, height, width), -1, dtype=torch.int32)
    for image, labels in enumerate(blobs_per_image):
        for label in labels:
            assert label < classes
            cy, cx = torch.rand(2, generator=generator) * torch.tensor([height, width])
            radius = (0.2 + 0.25 * torch.rand(1, generator=generator)) * min(height, width)
            maps[image][(y - cy) ** 2 + (x - cx) ** 2 < radius**2] = label
    return maps


def binary_masks(label_map):
    """[M,H,W] bool and [M] int64 of one label map, classes ascending, void in no mask."""
    labels = [int(v) for v in label_map.unique() if v >= 0]
    masks = torch.stack([label_map == v for v in labels]) if labels else torch.zeros(0, *label_map.shape, dtype=torch.bool)
    return masks, torch.tensor(labels, dtype=torch.int64)


def sketch(gradient):
    """A matrix's rows against four cosines, [rows, 4]: every element counts, and files stay small."""
    rows = gradient.squeeze(0) if gradient.shape[0] == 1 else gradient
    rows = rows.reshape(rows.shape[0], -1)
    column = torch.arange(rows.shape[1], dtype=rows.dtype) + 0.5
    return rows @ torch.cos(column[:, None] * torch.arange(1, 5, dtype=rows.dtype))


def write_case(file_name, tensors, parameter_step=None, /, **metadata):
    """Parameters and inputs are exact in fp32; what was computed stays fp64. With `parameter_step`, parameters are stored as bytes,
    value / parameter_step + 128, and gradients of more than 256 elements as sketches."""
    path = os.path.join(DATA, file_name)
    stored = {}
    for name, value in tensors.items():
        value = value.detach().contiguous().clone()
        if name.startswith("grad."):
            assert torch.isfinite(value).all() and value.abs().max() > 0, f"{name} has no gradient"
            if parameter_step is not None and value.numel() > 256 and value.dim() > 1:
                name, value = name.replace("grad.", "sketch.", 1), sketch(value)
        if name.startswith(("param.", "input.")) and value.dtype == torch.float64:
            assert torch.equal(value.float().double(), value), name
            value = value.float()
        if name.startswith("param.") and parameter_step is not None:
            levels = (value.double() / parameter_step + 128).to(torch.uint8)
            assert torch.equal((levels.double() - 128) * parameter_step, value.double()), name
            value = levels
        stored[name] = value.contiguous()
    if parameter_step is not None:
        metadata["parameter_step"] = parameter_step
    save_file(stored, path, metadata={key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()})
    print(f"{path}: {len(stored)} tensors, {os.path.getsize(path) / 1024:.0f} KiB")
