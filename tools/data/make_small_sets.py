#!/usr/bin/env python3
"""Copies the small CC0 parts that ship beside the recipes of datasets/panoptic_nuclei and datasets/classification_mini.

tools/data/make_small_sets.py [SHARED_DATA]        (default ../shared/data; files are copied byte for byte, the smallest first)
"""

import json
import shutil
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
SHARED = Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCE.parent / "shared/data"
CLASSES = ("hat", "skirt", "t-shirt")


def smallest(folder, count):
    return sorted(sorted(folder.iterdir(), key=lambda path: (path.stat().st_size, path.name))[:count])


def copy(paths, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        shutil.copyfile(path, folder / path.name)


def nuclei(out):
    for split, count in (("train", 4), ("val", 2)):
        source = SHARED / "panoptic_nuclei"
        images = smallest(source / "images" / split, count)
        copy(images, out / "images" / split)
        copy([source / "annotations" / f"panoptic_{split}" / path.name for path in images], out / "annotations" / f"panoptic_{split}")
        coco = json.loads((source / "annotations" / f"panoptic_{split}.json").read_text())
        names = {path.name for path in images}
        coco["images"] = [image for image in coco["images"] if image["file_name"] in names]
        ids = {image["id"] for image in coco["images"]}
        coco["annotations"] = [annotation for annotation in coco["annotations"] if annotation["image_id"] in ids]
        (out / "annotations" / f"panoptic_{split}.json").write_text(json.dumps(coco, separators=(",", ":")) + "\n")


def clothes(out):
    for split, count in (("train", 3), ("val", 1)):
        for name in CLASSES:
            copy(smallest(SHARED / "classification_mini" / split / name, count), out / split / name)


def main():
    nuclei(SOURCE / "datasets/panoptic_nuclei/sample")
    clothes(SOURCE / "datasets/classification_mini/sample")


if __name__ == "__main__":
    main()
