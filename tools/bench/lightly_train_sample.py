"""Trains LightlyTrain 0.18 on datasets/sample and measures it as `muster eval` measures: mIoU at the tiles' own resolution.

    ~/venvs/lt/bin/python tools/bench/lightly_train_sample.py --seconds 480 --seed 0 --out /tmp/lt/seed0
    ~/venvs/lt/bin/python tools/bench/lightly_train_sample.py --steps 300 --seed 0 --out /tmp/lt/seed0

`--seconds` times a few steps first and then plans as many as fit, because warm-up, decay and annealing need the number of
steps beforehand. The recipe is the one whose figures stand in issue 3: 192 px, batch 8, lr 1e-3, warm-up 20 + 20, no layer
decay, fp32, two threads. Prints one JSON line, appended to OUT.json too. The environment is in tools/golden/README.md.
"""

import argparse
import json
import os
import platform
import shutil
import time
from pathlib import Path

os.environ.setdefault("LIGHTLY_TRAIN_EVENTS_DISABLED", "1")

import lightly_train
import numpy as np
import torch
from PIL import Image

SAMPLE = Path(__file__).resolve().parents[2] / "datasets" / "sample"
CALIBRATION_STEPS = 12


def split(name):
    return {"images": str(SAMPLE / name / "images"), "masks": str(SAMPLE / name / "masks")}


def train(args, out, steps):
    """Seconds of the whole call, with start-up and the one validation at its end."""
    classes = {int(key): name for key, name in json.loads((SAMPLE / "classes.json").read_text())["classes"].items()}
    shutil.rmtree(out, ignore_errors=True)
    start = time.perf_counter()
    lightly_train.train_semantic_segmentation(
        out=str(out),
        model=args.model,
        data={"train": split("train"), "val": split("val"), "classes": classes},
        steps=steps,
        batch_size=args.batch_size,
        gradient_accumulation_steps=args.accumulation,
        num_workers=args.workers,
        seed=args.seed,
        precision=args.precision,
        accelerator="cpu",
        devices=1,
        model_args={"lr": args.lr, "lr_warmup_steps": (args.warmup, args.warmup), "llrd": 1.0},
        transform_args={"image_size": (args.size, args.size)},
        logger_args={"tensorboard": None, "val_every_num_steps": steps},
        save_checkpoint_args={"save_every_num_steps": steps, "save_best": False},
    )
    return time.perf_counter() - start


def planned_steps(args):
    """How many steps take args.seconds: two short runs, so that start-up and validation are not counted as steps."""
    scratch = args.out.with_name(args.out.name + ".calibration")
    short, long = train(args, scratch, 2), train(args, scratch, 2 + CALIBRATION_STEPS)
    shutil.rmtree(scratch)
    per_step = (long - short) / CALIBRATION_STEPS
    fixed = max(0.0, short - 2 * per_step)
    return max(1, int((args.seconds - fixed) / per_step))


def evaluate(weights):
    """mIoU and IoU by class over val. 255 is not counted; a class in neither prediction nor target is left out of the mean."""
    names = list(json.loads((SAMPLE / "classes.json").read_text())["classes"].values())
    confusion = np.zeros((len(names), len(names)), dtype=np.int64)
    model = lightly_train.load_model(weights, device="cpu")
    for path in sorted((SAMPLE / "val" / "images").iterdir()):
        target = np.asarray(Image.open(SAMPLE / "val" / "masks" / (path.stem + ".png")))
        predicted = model.predict(str(path)).numpy()
        assert predicted.shape == target.shape, path
        counted = target != 255
        np.add.at(confusion, (target[counted], predicted[counted]), 1)
    hit = np.diag(confusion)
    union = confusion.sum(0) + confusion.sum(1) - hit
    iou = {name: float(h / u) for name, h, u in zip(names, hit, union) if u > 0}
    return float(np.mean(list(iou.values()))), iou


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--steps", type=int)
    length.add_argument("--seconds", type=float)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="dinov3/vitt16-notpretrained-eomt")
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--accumulation", type=int, default=1, help="LightlyTrain's own choice for batch 8 would be 2")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--warmup", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=0, help="0 = decoding and augmenting in the training process")
    parser.add_argument("--precision", default="32-true")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    steps = args.steps or planned_steps(args)
    seconds = train(args, args.out, steps)
    miou, iou = evaluate(args.out / "exported_models" / "exported_last.pt")
    result = {
        "program": f"lightly-train {lightly_train.__version__}", "steps": steps, "seconds": round(seconds, 1), "miou": round(miou, 4),
        "iou": {name: round(value, 4) for name, value in iou.items()}, "machine": platform.processor() or platform.machine(),
        **{key: value for key, value in vars(args).items() if key not in ("out", "steps", "seconds")},
    }  # fmt: skip
    line = json.dumps(result)
    print(line)
    with args.out.with_name(args.out.name + ".json").open("a") as file:
        file.write(line + "\n")


if __name__ == "__main__":
    main()
