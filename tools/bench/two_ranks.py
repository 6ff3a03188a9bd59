#!/usr/bin/env python3
"""two_ranks.py [--steps N] [--rounds K]: what two ranks cost, with one thread each, against two runs that know nothing of each other.

Each round starts two independent runs of one rank together (batch 4), then one run of two ranks (batch 8): the same work on each core.
Prints images/s of both and their ratio per round, and the median ratio. The bar of issue 4 is 0.93."""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
WARM_UP = 5  # steps that are not counted

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--steps", type=int, default=30)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--data", default="runs/sample", help="the packed sample")
options = parser.parse_args()
folder = pathlib.Path(tempfile.mkdtemp(prefix="two_ranks."))
environment = {**os.environ, "OMP_NUM_THREADS": "1"}


def start(ranks, name):
    words = [ROOT / "launch/muster", "-n", str(ranks), "train", ROOT / "configs/quickstart.yaml", f"data={options.data}", f"out={folder / name}",
             f"steps={options.steps}", f"batch_size={4 * ranks}", "logger_args.log_every_num_steps=1", "loader.threads=1",
             f"logger_args.val_every_num_steps={options.steps}", "save_checkpoint_args.save_best=false", "save_checkpoint_args.save_last=false"]
    return subprocess.Popen([str(word) for word in words], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def images_per_s(process, name):
    said = process.communicate()[1]
    if process.returncode != 0:
        raise SystemExit(f"{name} ended with {process.returncode}: {said}")
    records = [json.loads(line) for line in (folder / name / "metrics.jsonl").read_text().splitlines()]
    return statistics.median(r["images_per_s"] for r in records if "images_per_s" in r and r["step"] > WARM_UP)


ratios = []
for number in range(options.rounds):
    names = [f"alone-{number}-{i}" for i in (0, 1)]
    alone = sum(images_per_s(process, name) for process, name in [(start(1, name), name) for name in names])
    together = images_per_s(start(2, f"together-{number}"), f"together-{number}")
    ratios.append(together / alone)
    print(f"round {number}: two runs {alone:.2f} images/s, two ranks {together:.2f} images/s, ratio {ratios[-1]:.3f}", flush=True)
print(f"median ratio {statistics.median(ratios):.3f}")
shutil.rmtree(folder)
