#!/usr/bin/env python3
"""Scan and pack of many small files: two ranks against one, and against two independent halves started together.

tools/bench/scan_pack.py [--files 100000] [--side 32] [--rounds 3] [--folder /tmp] [--muster build/dev/bin/muster]

Files are JPEG images of SIDE x SIDE (1.1 KB for 32, 6 KB for 128) in folders of 1000, half of the folders below `a`, half below `b`; task `pretrain`, one thread a rank. A round
packs, in turn: everything with one rank, everything with two ranks, `a` and `b` by two programs at once. Bar: two ranks are at least 1.7
times as fast as one, or, where the machine itself does not scale, at least 0.93 times as fast as the two halves.
"""

import argparse
import io
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

SOURCE = Path(__file__).resolve().parents[2]


def make_files(root, count, side):
    rng = np.random.default_rng(0)
    blobs = []
    for _ in range(512):
        coarse = rng.integers(0, 255, (4, 4, 3), np.uint8).repeat(side // 4, 0).repeat(side // 4, 1)
        noisy = np.clip(coarse.astype(int) + rng.integers(-20, 20, coarse.shape), 0, 255).astype(np.uint8)
        text = io.BytesIO()
        Image.fromarray(noisy).save(text, "JPEG", quality=90)
        blobs.append(text.getvalue())
    for number in range(count):
        folder = root / ("a" if number // 1000 % 2 == 0 else "b") / f"{number // 1000:04}"
        if number % 1000 == 0:
            folder.mkdir(parents=True)
        comment = f"image {number}".encode()  # every file is another
        blob = blobs[number % len(blobs)]
        (folder / f"{number:07}.jpg").write_bytes(blob[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + blob[2:])


class Bench:
    def __init__(self, muster, images, work):
        self.muster, self.images, self.work, self.number = Path(muster).resolve(), images, work, 0

    def start(self, ranks, images):
        self.number += 1
        program = [self.muster] if ranks == 1 else [SOURCE / "launch/muster", "-n", ranks]
        words = [*program, "pack", "task=pretrain", f"images={images}", f"out={self.work / f'out{self.number}'}", "threads=1", "shard_bytes=4000000"]
        return subprocess.Popen(list(map(str, words)), cwd=SOURCE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                env={**os.environ, "OMP_NUM_THREADS": "1", "MUSTER_BUILD": self.muster.parents[1].name})

    def seconds(self, *packings):
        """From the start of all to the end of the last."""
        begin = time.monotonic()
        processes = [self.start(ranks, images) for ranks, images in packings]
        for process in processes:
            said = process.communicate()[0]
            if process.returncode != 0:
                sys.exit(said)
        seconds = time.monotonic() - begin
        for out in self.work.glob("out*"):
            shutil.rmtree(out)
        return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=100000)
    parser.add_argument("--side", type=int, default=32, help="of the images, in pixels, a multiple of 4")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--muster", type=Path, default=SOURCE / "build/dev/bin/muster")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="muster_scan_pack.", dir=arguments.folder) as scratch:
        work = Path(scratch)
        images = work / "images"
        make_files(images, arguments.files, arguments.side)
        bench = Bench(arguments.muster, images, work)
        bench.seconds((1, images / "a"))  # warm
        rows = []
        for number in range(arguments.rounds):
            one = bench.seconds((1, images))
            two = bench.seconds((2, images))
            halves = bench.seconds((1, images / "a"), (1, images / "b"))
            rows.append((one, two, halves))
            print(f"round {number}: one rank {one:.2f} s, two ranks {two:.2f} s ({one / two:.2f}x), two halves at once {halves:.2f} s "
                  f"({halves / two:.3f} of their speed)", flush=True)
        one, two, halves = (statistics.median(column) for column in zip(*rows))
        print(f"{arguments.files} files, medians: one rank {one:.2f} s ({arguments.files / one:.0f} files/s), two ranks {two:.2f} s "
              f"({arguments.files / two:.0f} files/s): {one / two:.2f}x, and {halves / two:.3f} of two halves at once ({halves:.2f} s)")
        return 0 if one / two >= 1.7 or halves / two >= 0.93 else 1


if __name__ == "__main__":
    sys.exit(main())
