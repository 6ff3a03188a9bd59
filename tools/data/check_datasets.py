#!/usr/bin/env python3
"""Packs data sets, verifies them, reads them back with h5py, and compares every pixel, mask and label with independent readers.

tools/data/check_datasets.py build/dev/bin/muster [--shared ../shared/data] [--out DIR] [--sheets DIR] [--ranks N] [SET ...]

Readers: Pillow for images and masks, json and numpy for COCO panoptic files, pydicom for DICOM. Ends with 1 when anything differs.
tests/e2e/datasets_test.py is the short form of it.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile

sys.path.insert(0, str(Path(__file__).resolve().parent))
from packed_reader import PackedSet, rgb, upright  # noqa: E402

SOURCE = Path(__file__).resolve().parents[2]
SETS = ("sample", "camvid", "dubai_aerial", "ade20k_sample", "panoptic_mini", "panoptic_nuclei", "classification_mini", "photos_unlabeled", "odd_images")
Image.MAX_IMAGE_PIXELS = None


class Muster:
    def __init__(self, program, ranks=1):
        self.command = [str(program)]
        self.environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        if ranks > 1:
            self.command = [str(SOURCE / "launch/muster"), "-n", str(ranks)]
            self.environment["MUSTER_BUILD"] = Path(program).resolve().parents[1].name

    def run(self, *words):
        done = subprocess.run([*self.command, *map(str, words)], cwd=SOURCE, env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"muster {' '.join(map(str, words))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout


# What the set should hold, by readers that are not ours -------------------------------------------------------------------------

def pillow(path, orientation):
    """(pixels turned by `orientation`, size as stored) of a source image; ValueError when Pillow cannot."""
    if path.suffix.lower() == ".dcm":
        pixels = dicom(path)
        return upright(pixels, orientation), pixels.shape[:2]
    try:
        image = Image.open(path)
        size = image.height, image.width
        image.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(str(error)) from error
    if image.format != "TIFF":
        return upright(rgb(image), orientation), size
    # Pillow turns TIFF files itself, and says what it turned to; their 12 bits it leaves as they are.
    stored = image.tag_v2[257], image.tag_v2[256]
    if image.mode == "I;16" and image.tag_v2.get(258) == (12,):
        grey = np.rint(np.asarray(image) * (255 / 4095)).astype(np.uint8)
        return np.repeat(grey[..., None], 3, 2), stored
    return rgb(image), stored


def dicom(path):
    import pydicom
    from pydicom.pixels import apply_modality_lut, apply_voi_lut
    try:
        data = pydicom.dcmread(path)
        pixels = data.pixel_array
    except Exception as error:  # pydicom's errors have no common base
        raise ValueError(f"pydicom: {error}") from error
    if pixels.ndim == 2:
        values = apply_voi_lut(apply_modality_lut(pixels, data), data).astype(np.float64)
        low, high = values.min(), values.max()
        if "WindowWidth" in data:  # then its values span what the stored bits can hold (PS3.3 C.11.2)
            signed = 1 << (data.BitsStored - 1) if data.PixelRepresentation else 0
            low, high = -signed, (1 << data.BitsStored) - 1 - signed
            low, high = (edge * float(data.get("RescaleSlope", 1)) + float(data.get("RescaleIntercept", 0)) for edge in (low, high))
        grey = np.rint(255 * (values - low) / max(1.0, high - low)).astype(np.uint8)
        if data.PhotometricInterpretation == "MONOCHROME1":
            grey = 255 - grey
        pixels = np.repeat(grey[..., None], 3, 2)
    return pixels


def dense_map(recipe):
    """Pixel value -> dense index; -1 is void. Classes are numbered in ascending order of id."""
    ids = sorted(int(i) for i in recipe["data"]["classes"])
    shift = 1 if recipe.get("reduce_labels") or recipe["data"].get("reduce_labels") else 0
    values = {i + shift: k for k, i in enumerate(ids)}
    void = {int(i) + shift for i in recipe["data"].get("ignore_classes") or [] if int(i) not in ids}
    return values, void | ({0} if shift else set())


class SemanticTruth:
    def __init__(self, recipe, sources, ids):
        self.masks = SOURCE / sources["masks"]
        self.values, self.void = dense_map(recipe) if recipe["data"].get("classes") else from_class_file(SOURCE / recipe["classes"])

    def check(self, sample, stored_void):
        raw = np.asarray(Image.open(self.masks / Path(sample.key).with_suffix(".png")))
        table = np.full(65536, -2, np.int64)
        table[list(self.void)] = stored_void
        table[list(self.values)] = list(self.values.values())
        wanted = table[raw]
        if (wanted == -2).any():
            yield "a value that the recipe does not declare was packed"
        if sample.mask is None or not np.array_equal(sample.mask, wanted):
            yield f"mask: {'missing' if sample.mask is None else int((sample.mask != wanted).sum())} pixels differ"
        inside = wanted[wanted != stored_void]
        counts = {int(value): int(count) for value, count in zip(*np.unique(inside, return_counts=True))}
        if sample.histogram != counts:
            yield f"histogram {sample.histogram}, counted {counts}"


def from_class_file(path):
    tree = json.loads(path.read_text())
    return dense_map({"data": tree})


class PanopticTruth:
    def __init__(self, recipe, sources, ids):
        self.masks = SOURCE / sources["masks"]
        coco = json.loads((SOURCE / sources["annotations"]).read_text())
        self.dense = {category: k for k, category in enumerate(sorted(c["id"] for c in coco["categories"]))}
        names = {image["id"]: image["file_name"] for image in coco["images"]}
        self.annotations = {names[annotation["image_id"]]: annotation for annotation in coco["annotations"]}

    def check(self, sample, stored_void):
        annotation = self.annotations[sample.key]
        colour = np.asarray(Image.open(self.masks / annotation["file_name"]).convert("RGB")).astype(np.int64)
        ids = colour[..., 0] + 256 * colour[..., 1] + 65536 * colour[..., 2]  # as panopticapi reads them
        stored = np.array([0] + [segment.original_id for segment in sample.segments], np.int64)
        if sample.mask is None or sample.mask.max() >= len(stored):
            yield "segment mask: missing, or values without a segment"
            return
        if not np.array_equal(stored[sample.mask], ids):
            yield f"segments: {int((stored[sample.mask] != ids).sum())} pixels differ"
        wanted = {info["id"]: info for info in annotation["segments_info"]}
        if sorted(segment.original_id for segment in sample.segments) != sorted(wanted):
            yield f"segments {len(sample.segments)}, annotated {len(wanted)}"
            return
        for k, segment in enumerate(sample.segments):
            info = wanted[segment.original_id]
            rows, columns = np.nonzero(sample.mask == k + 1)
            box = [int(columns.min()), int(rows.min()), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1]
            mine = (segment.class_index, segment.iscrowd, segment.area, list(segment.bbox))
            theirs = (self.dense[info["category_id"]], info["iscrowd"], len(rows), box)
            if mine != theirs or segment.area != info["area"]:
                yield f"segment {segment.original_id}: {mine}, counted {theirs}, annotated area {info['area']}"
        if sample.histogram != (counts := self.class_counts(sample)):
            yield f"histogram {sample.histogram}, counted {counts}"

    @staticmethod
    def class_counts(sample):
        counts = {}
        for segment in sample.segments:
            counts[segment.class_index] = counts.get(segment.class_index, 0) + segment.area
        return dict(sorted(counts.items()))


class LabelTruth:
    """A folder per class; class names in ascending order of bytes are the dense indices."""

    def __init__(self, recipe, sources, ids):
        roots = {split: SOURCE / paths["images"] for split, paths in recipe["data"].items() if isinstance(paths, dict) and paths.get("images")}
        names = sorted({folder.name for root in roots.values() for folder in root.iterdir() if folder.is_dir()}, key=os.fsencode)
        self.dense = {name: k for k, name in enumerate(names)}

    def check(self, sample, stored_void):
        folder = sample.key.split("/")[0]
        if sample.label != self.dense[folder] or sample.mask is not None:
            yield f"label {sample.label}, its folder {folder} is number {self.dense[folder]}"


class NoTruth:
    def __init__(self, recipe, sources, ids):
        pass

    def check(self, sample, stored_void):
        if sample.mask is not None or sample.label is not None or sample.segments is not None:
            yield "an unlabelled sample has a target"


TRUTHS = {"semantic_segmentation": SemanticTruth, "panoptic_segmentation": PanopticTruth, "image_classification": LabelTruth, "pretrain": NoTruth}


# Comparison -------------------------------------------------------------------------------------------------------------------

def skipped_keys(folder):
    """{(split, key): reason} of skipped.csv."""
    path = folder / "skipped.csv"
    if not path.exists():
        return {}
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as lines:
        return {(row["split"], row["path"]): row["reason"] for row in csv.DictReader(lines)}


def image_keys(root, extensions):
    found = set()
    for path in root.rglob("*"):
        if path.is_file() and path.suffix[1:].lower() in extensions:
            found.add(path.relative_to(root).as_posix())
    return found


def check_image(sample, path):
    """Yields what differs between a stored image and its source, and returns its pixels for the statistics."""
    pixels = sample.pixels()
    if sample.size != pixels.shape[:2]:
        yield f"index says {sample.size}, the image is {pixels.shape[:2]}"
    if sample.image == path.read_bytes():
        return
    try:
        source, size = pillow(path, sample.orientation)
    except ValueError as error:
        yield f"packed, but not read by the independent reader: {error}"
        return
    if sample.source_size != size:
        yield f"source size {sample.source_size}, it is {size}"
    if source.shape != pixels.shape:
        yield f"pixels {pixels.shape}, the source has {source.shape}"
    elif (difference := np.abs(source.astype(int) - pixels.astype(int)).max()) > (1 if sample.flags & 1 or path.suffix == ".dcm" else 0):  # rounded twice
        yield f"pixels differ by up to {difference}"


class Sums:
    def __init__(self):
        self.count, self.first, self.second = 0, np.zeros(3), np.zeros(3)

    def add(self, pixels):
        values = pixels.reshape(-1, 3).astype(np.float64) / 255
        self.count += len(values)
        self.first += values.sum(0)
        self.second += (values * values).sum(0)

    def differ(self, stats):
        mean = self.first / self.count
        std = np.sqrt(np.maximum(0, self.second / self.count - mean * mean))
        return stats["pixels"] != self.count or np.abs(mean - stats["mean"]).max() > 1e-3 or np.abs(std - stats["std"]).max() > 1e-3


def check_split(packed, split, recipe, say):
    """Problems of one split."""
    sources = recipe["data"][split]
    root = SOURCE / sources["images"]
    truth = TRUTHS[packed.task](recipe, sources, None)
    stored_void = packed.manifest["ignore_index"]
    extensions = recipe.get("extensions") or "jpg jpeg png ppm bmp pgm tif tiff webp".split() + (["dcm"] if "classification" in packed.task else [])
    skipped = {key: reason for (of, key), reason in skipped_keys(packed.folder).items() if of == split}
    problems, keys, copied, sums = [], [], 0, Sums()
    for sample in packed.samples(split):
        keys.append(sample.key)
        copied += sample.image == (root / sample.key).read_bytes()
        problems += [f"{split}/{sample.key}: {text}" for text in check_image(sample, root / sample.key)]
        problems += [f"{split}/{sample.key}: {text}" for text in truth.check(sample, stored_void)]
        sums.add(sample.pixels())
    if sums.differ(packed.manifest["splits"][split]["stats"]):
        problems.append(f"{split}: mean and std of the manifest are not those of the pixels")
    found = image_keys(root, extensions)
    if len(set(keys)) != len(keys) or set(keys) | set(skipped) != found or set(keys) & set(skipped):
        problems.append(f"{split}: {len(keys)} packed and {len(skipped)} skipped are not the {len(found)} images of {root}: "
                        f"{sorted(found ^ (set(keys) | set(skipped)))[:5]}")
    say(f"  {split}: {len(keys)} samples, {copied} copied byte for byte, {len(skipped)} left out, {len(problems)} problems")
    for key, reason in sorted(skipped.items()):
        say(f"    left out: {key}: {reason}")
    return problems


def check_set(muster, recipe_path, out, shared, say=print, words=(), sheets=None):
    """Packs, verifies, compares; returns problems."""
    recipe = json.loads(muster.run("pack", recipe_path, f"out={out}", *words, "--print-config", "--json").replace("../shared/data", str(shared)))
    copy = Path(f"{out}.recipe.json")
    copy.write_text(json.dumps(recipe))
    say(f"{recipe_path}:")
    muster.run("pack", copy)
    muster.run("verify", f"data={out}", "level=decode")
    packed = PackedSet(out)
    problems = []
    for split in packed.splits():
        problems += check_split(packed, split, recipe, say)
    if sheets is not None:
        sheets.mkdir(parents=True, exist_ok=True)
        muster.run("info", f"data={out}", f"contact_sheet={sheets / (Path(recipe_path).parent.name + '.png')}")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("muster", type=Path)
    parser.add_argument("sets", nargs="*", default=SETS, metavar="SET")
    parser.add_argument("--shared", type=Path, default=SOURCE.parent / "shared/data")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sheets", type=Path)
    parser.add_argument("--ranks", type=int, default=1)
    arguments = parser.parse_intermixed_args()
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    muster = Muster(arguments.muster.resolve(), arguments.ranks)
    problems = []
    with tempfile.TemporaryDirectory(prefix="muster_sets.") as scratch:
        for name in arguments.sets:
            out = (arguments.out or Path(scratch)) / name
            out.parent.mkdir(parents=True, exist_ok=True)
            problems += [f"{name}: {text}" for text in
                         check_set(muster, f"datasets/{name}/pack.yaml", out.resolve(), arguments.shared.resolve(), sheets=arguments.sheets)]
    print("\n".join(problems) if problems else f"{len(arguments.sets)} data sets agree")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
