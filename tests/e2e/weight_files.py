"""Weight files as others write them, made without PyTorch: random tensors in Meta's names, and the zip that torch.save makes."""

import collections
import io
import pickle
import sys
import types
import zipfile

import numpy as np

TYPES = {"float32": "FloatStorage", "float16": "HalfStorage", "float64": "DoubleStorage", "int64": "LongStorage"}


class _Tensor:
    """Pickled as torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)."""

    def __init__(self, array, key):
        self.array, self.key = np.ascontiguousarray(array), key


def _fake_torch():
    """Modules that only have names, so that pickle writes the globals that torch.save writes."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in TYPES.values():
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2(*_):
        raise NotImplementedError
    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    return torch, utils


class _Pickler(pickle._Pickler):
    def __init__(self, file, torch, utils):
        super().__init__(file, protocol=2)
        self.torch, self.utils = torch, utils

    def persistent_id(self, value):
        if isinstance(value, _Storage):
            storage = getattr(self.torch, TYPES[value.tensor.array.dtype.name])
            return ("storage", storage, value.tensor.key, "cpu", value.tensor.array.size)
        return None


    def save(self, value, save_persistent_id=True):
        if isinstance(value, _Tensor):
            strides = tuple(stride // value.array.itemsize for stride in value.array.strides)
            arguments = (_Storage(value), 0, value.array.shape, strides, False, collections.OrderedDict())
            return self.save_reduce(self.utils._rebuild_tensor_v2, arguments, obj=value)
        return super().save(value, save_persistent_id)


class _Storage:
    def __init__(self, tensor):
        self.tensor = tensor


def _wrap(value, tensors):
    if isinstance(value, np.ndarray):
        tensors.append(_Tensor(value, str(len(tensors))))
        return tensors[-1]
    if isinstance(value, dict):
        return {key: _wrap(item, tensors) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_wrap(item, tensors) for item in value)
    return value


def save_pth(path, value):
    """What torch.save(value, path) writes, for numpy arrays in dicts and lists."""
    torch, utils = _fake_torch()
    tensors = []
    wrapped = _wrap(value, tensors)
    stream = io.BytesIO()
    saved = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    torch._utils = utils
    sys.modules["torch"], sys.modules["torch._utils"] = torch, utils
    try:
        _Pickler(stream, torch, utils).dump(wrapped)
    finally:
        for name, module in saved.items():
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module
    write_zip(path, stream.getvalue(), {tensor.key: tensor.array.tobytes() for tensor in tensors})


def write_zip(path, pickled, storages):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        file.writestr("archive/data.pkl", pickled)
        for key, content in storages.items():
            file.writestr(f"archive/data/{key}", content)
        file.writestr("archive/version", "3\n")


def dinov3(dim=192, depth=12, hidden=768, seed=0):
    """Meta's names and shapes of an MLP DINOv3; vitt16 unless said otherwise."""
    draw = np.random.default_rng(seed)

    def normal(*shape, scale=0.02):
        return (draw.normal(size=shape) * scale).astype(np.float32)
    tensors = {"cls_token": normal(1, 1, dim), "storage_tokens": normal(1, 4, dim), "mask_token": np.zeros((1, dim), np.float32),
               "patch_embed.proj.weight": normal(dim, 3, 16, 16), "patch_embed.proj.bias": normal(dim),
               "rope_embed.periods": (100.0 ** (np.arange(16) / 16)).astype(np.float32),
               "norm.weight": 1 + normal(dim), "norm.bias": normal(dim)}
    for n in range(depth):
        block = {"norm1.weight": 1 + normal(dim), "norm1.bias": normal(dim), "attn.qkv.weight": normal(3 * dim, dim),
                 "attn.qkv.bias": normal(3 * dim), "attn.qkv.bias_mask": np.repeat(np.array([1, 0, 1], np.float32), dim),
                 "attn.proj.weight": normal(dim, dim), "attn.proj.bias": normal(dim), "ls1.gamma": 0.5 + normal(dim),
                 "norm2.weight": 1 + normal(dim), "norm2.bias": normal(dim), "mlp.fc1.weight": normal(hidden, dim), "mlp.fc1.bias": normal(hidden),
                 "mlp.fc2.weight": normal(dim, hidden), "mlp.fc2.bias": normal(dim), "ls2.gamma": 0.5 + normal(dim)}
        tensors |= {f"blocks.{n}.{name}": value for name, value in block.items()}
    return tensors


def dinov2(dim=384, depth=12, registers=0, grid=37, seed=0, dtype=np.float16):
    """Meta's names and shapes of an MLP DINOv2; vits14 unless said otherwise."""
    draw = np.random.default_rng(seed)

    def normal(*shape, scale=0.02):
        return (draw.normal(size=shape) * scale).astype(dtype)
    hidden = 4 * dim
    tensors = {"cls_token": normal(1, 1, dim), "mask_token": np.zeros((1, dim), dtype), "pos_embed": normal(1, 1 + grid * grid, dim),
               "patch_embed.proj.weight": normal(dim, 3, 14, 14), "patch_embed.proj.bias": normal(dim),
               "norm.weight": 1 + normal(dim), "norm.bias": normal(dim)}
    if registers:
        tensors["register_tokens"] = normal(1, registers, dim)
    for n in range(depth):
        block = {"norm1.weight": 1 + normal(dim), "norm1.bias": normal(dim), "attn.qkv.weight": normal(3 * dim, dim),
                 "attn.qkv.bias": normal(3 * dim), "attn.proj.weight": normal(dim, dim), "attn.proj.bias": normal(dim),
                 "ls1.gamma": 0.5 + normal(dim), "norm2.weight": 1 + normal(dim), "norm2.bias": normal(dim),
                 "mlp.fc1.weight": normal(hidden, dim), "mlp.fc1.bias": normal(hidden), "mlp.fc2.weight": normal(dim, hidden),
                 "mlp.fc2.bias": normal(dim), "ls2.gamma": 0.5 + normal(dim)}
        tensors |= {f"blocks.{n}.{name}": value for name, value in block.items()}
    return {name: value.astype(dtype) for name, value in tensors.items()}
