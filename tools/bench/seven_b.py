#!/usr/bin/env python3
"""A backbone of 6.7 billion parameters on a machine of 24 GiB, for real.

    seven_b.py --muster build/dev/src/muster --load-shards build/dev/tests/weights/load_shards --image IMAGE.jpg --folder /work/tmp7b

1 makes random bf16 weights as several safetensors files (13.4 GB of disk), 2 runs `muster forward` on one image and measures its
peak of resident memory, 3 loads bf16 shards in four ranks at the same time, each within its shard x 1.1 + 256 MB, 4 removes the
files. Exit 1 when a peak is above --limit or a rank above its bound. With --model any other backbone; --keep leaves the files.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import time

GIB = 1 << 30


def run(command):
    """Seconds and peak of resident memory in bytes of a command, which must succeed."""
    print("+", " ".join(map(str, command)), flush=True)
    begin = time.monotonic()
    process = subprocess.Popen(list(map(str, command)))
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"exit code {process.returncode}")
    return time.monotonic() - begin, usage.ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--muster", required=True)
    parser.add_argument("--load-shards", required=True)
    parser.add_argument("--image", required=True)
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="is made, and removed at the end")
    parser.add_argument("--model", default="dinov3/vit7b16")
    parser.add_argument("--ranks", type=int, default=4)
    parser.add_argument("--limit", type=float, default=24, help="GiB of resident memory of `muster forward`")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    if options.folder.exists():
        sys.exit(f"{options.folder} exists; name a folder that may be made and removed")
    options.folder.mkdir(parents=True)
    weights = options.folder / "weights"
    try:
        seconds, peak = run([options.muster, "export", f"model={options.model}-notpretrained", "seed=0", "dtype=bf16", "format=muster", f"out={weights}"])
        size = sum(path.stat().st_size for path in weights.iterdir())
        print(f"made      {size / 1e9:.2f} GB in {len(list(weights.iterdir()))} files, {seconds:.1f} s, peak {peak / GIB:.2f} GiB", flush=True)

        seconds, peak = run([options.muster, "forward", f"model={weights}", f"input={options.image}", f"out={options.folder / 'outputs.safetensors'}"])
        print(f"forward   {seconds:.1f} s, peak {peak / GIB:.2f} GiB", flush=True)
        if peak > options.limit * GIB:
            sys.exit(f"peak above {options.limit} GiB")

        seconds, _ = run(["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", options.ranks, options.load_shards, weights, "BF16"])
        print(f"{options.ranks} ranks   {seconds:.1f} s", flush=True)
    finally:
        if not options.keep:
            shutil.rmtree(options.folder)


if __name__ == "__main__":
    main()
