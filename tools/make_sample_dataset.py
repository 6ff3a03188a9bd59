#!/usr/bin/env python3
"""Chooses the tiles of datasets/sample from the Dubai aerial set: every n-th of the sorted list, copied byte for byte.

    tools/make_sample_dataset.py SOURCE datasets/sample

SOURCE holds {train,val}/{images,masks} and classes.json. Tile k of `count` is number k * total // count (integers only), so
the choice is spread evenly over all regions, the same on every machine, and keeps the split. Standard library only.
"""

import json
import shutil
import sys
from pathlib import Path

COUNTS = {"train": 80, "val": 16}
LIMIT_BYTES = 6 * 1000 * 1000


def spread(names, count):
    return [names[k * len(names) // count] for k in range(count)]


def copy_split(source, target, count):
    for kind in ("images", "masks"):
        folder = target / kind
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    images = sorted(path.name for path in (source / "images").iterdir())
    for name in spread(images, count):
        mask = Path(name).with_suffix(".png").name
        shutil.copyfile(source / "images" / name, target / "images" / name)
        shutil.copyfile(source / "masks" / mask, target / "masks" / mask)


def main():
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    for split, count in COUNTS.items():
        copy_split(source / split, target / split, count)
    given = json.loads((source / "classes.json").read_text())
    classes = {"classes": given["classes"], "ignore_classes": given["ignore_classes"]}
    (target / "classes.json").write_text(json.dumps(classes, indent=2) + "\n")
    total = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    if total > LIMIT_BYTES:
        sys.exit(f"{target}: {total} bytes, at most {LIMIT_BYTES} wanted; lower COUNTS")
    print(f"{target}: {sum(COUNTS.values())} tiles, {total / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
