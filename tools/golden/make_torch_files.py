#!/usr/bin/env python3
"""make_torch_files.py OUT: files of the real torch.save, a few KB each, for tests/io/torch_file_test.cpp.

Writes OUT/*.pth and OUT/torch_files.json: for each file that Muster reads its tensors (type, shape, bytes in row-major order as
hex) and its other values; for each file that it refuses a part of the message. Needs torch alone:
  /work/venvs/hf/bin/python tools/golden/make_torch_files.py tests/io/fixtures
"""
import json
import pathlib
import sys
from collections import OrderedDict

import torch

DTYPES = {torch.float32: "F32", torch.float64: "F64", torch.bfloat16: "BF16", torch.float16: "F16", torch.int64: "I64",
          torch.int32: "I32", torch.uint8: "U8", torch.bool: "BOOL"}


def described(tensor: torch.Tensor) -> dict:
    tensor = tensor.detach().contiguous().clone().reshape(-1)
    return {"dtype": DTYPES[tensor.dtype], "bytes": bytes(tensor.view(torch.uint8).tolist()).hex() if tensor.numel() else ""}


def split(value, name: str, tensors: dict):
    """The tree without its tensors, which go to `tensors` by their names: what TorchFile makes of a file."""
    if isinstance(value, torch.Tensor):
        tensors[name] = {**described(value), "shape": list(value.shape)}
        return None
    if isinstance(value, dict):
        below = {key: (item, split(item, f"{name}/{key}" if name else str(key), tensors)) for key, item in value.items()}
        return {str(key): made for key, (item, made) in below.items() if not isinstance(item, torch.Tensor)}
    if isinstance(value, (list, tuple)):
        return [split(item, f"{name}/{i}" if name else str(i), tensors) for i, item in enumerate(value)]
    return value


def state_dicts() -> dict:
    torch.manual_seed(1)
    layer = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    optimizer = torch.optim.AdamW(layer.parameters(), lr=1e-3)
    layer(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    numbers = torch.randn(4, 6)
    table = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    return {
        "state_dict.pth": (layer.state_dict(), {}),
        "light_export.pth": ({
            "model_class_path": "some.module.Model",
            "model_init_args": {"model_name": "dinov3/vitt16-eomt", "classes": {0: "background", 7: "Straße"}, "image_size": (64, 96),
                                "image_normalize": {"mean": [0.485, 0.456], "std": (0.229, 0.224)}, "class_ignore_index": -100,
                                "backbone_freeze": False, "backbone_args": None, "num_queries": 100, "large": 2**40, "negative": -2**40},
            "train_model": OrderedDict({"model.queries.weight": numbers, "criterion.empty_weight": torch.ones(3)}),
            "license_info": "text " * 60}, {}),
        "lightning.pth": ({"epoch": 3, "global_step": 12, "pytorch-lightning_version": "2.5.0", "state_dict": layer.state_dict(),
                           "loops": {}, "hyper_parameters": {"lr": 1e-4, "name": "x"}, "optimizer_states": [optimizer.state_dict()]}, {}),
        "dtypes.pth": ({"half": numbers.half(), "bf16": numbers.bfloat16(), "double": numbers.double(), "long": torch.tensor([-1, 2**40]),
                        "int": torch.tensor([[7], [-8]], dtype=torch.int32), "byte": torch.tensor([255, 0], dtype=torch.uint8),
                        "bool": torch.tensor([True, False, True])}, {}),
        "views.pth": ({"base": table, "transposed": table.permute(2, 0, 1), "slice": table[:, 1:, ::2], "expanded": table[:, :1, :1].expand(2, 5, 3),
                       "tail": table.reshape(-1)[20:], "one": table[1, 2, 3], "scalar": torch.tensor(2.5), "empty": torch.zeros(0, 4),
                       "empty_tail": table.reshape(-1)[24:]}, {}),
        "parameters.pth": ({"weight": torch.nn.Parameter(numbers), "frozen": torch.nn.Parameter(torch.ones(2), requires_grad=False),
                            "list": [torch.zeros(1), 5, (torch.ones(1), "text")]}, {}),
        "protocol5.pth": ({"a": numbers, "b": OrderedDict(c=table), "d": [None, True, 1.5]}, {"pickle_protocol": 5}),
        "tensor.pth": (numbers[0], {}),
    }


class Attack:
    def __reduce__(self):
        import os
        return os.system, ("touch /tmp/muster-was-attacked",)


def write_refused(out: pathlib.Path) -> dict:
    weights = {"w": torch.ones(2)}
    torch.save(weights, out / "refused_legacy.pth", _use_new_zipfile_serialization=False)
    torch.jit.script(torch.nn.Linear(1, 1)).save(str(out / "refused_script.pth"))
    torch.save({**weights, "extra": Attack()}, out / "refused_attack.pth")
    torch.save({**weights, "extra": Attack()}, out / "refused_attack5.pth", pickle_protocol=5)
    torch.save({**weights, "extra": {1, 2}}, out / "refused_set.pth")
    torch.save({**weights, "extra": pathlib.PurePosixPath("a")}, out / "refused_path.pth")
    torch.save({**weights, "extra": weights["w"].to_sparse()}, out / "refused_sparse.pth")
    torch.save({**weights, "extra": torch.view_as_complex(torch.ones(1, 2)).conj()}, out / "refused_complex.pth")
    torch.save({**weights, "extra": torch.float32}, out / "refused_dtype.pth")
    loader = torch.utils.data.DataLoader([1, 2])
    torch.save({"train_model": weights, "train_dataloader": loader}, out / "refused_last_ckpt.pth")
    return {"refused_legacy.pth": "before PyTorch 1.6", "refused_script.pth": "TorchScript archive", "refused_attack.pth": "posix.system is not allowed",
            "refused_attack5.pth": "posix.system is not allowed", "refused_set.pth": "__builtin__.set is not allowed",
            "refused_path.pth": "pathlib.PurePosixPath is not allowed", "refused_sparse.pth": "torch._utils._rebuild_sparse_tensor is not allowed",
            "refused_complex.pth": "torch.ComplexFloatStorage is not allowed", "refused_dtype.pth": "torch.float32 is not allowed",
            "refused_last_ckpt.pth": "exported_last.pt"}


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    read = {}
    for name, (value, options) in state_dicts().items():
        torch.save(value, out / name, **options)
        tensors = {}
        # weights_only reads protocol 2 alone
        values = split(torch.load(out / name, weights_only=not options), "", tensors)
        read[name] = {"tensors": tensors, "values": values}
    text = json.dumps({"torch": torch.__version__, "read": read, "refused": write_refused(out)}, indent=1, ensure_ascii=False)
    (out / "torch_files.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
