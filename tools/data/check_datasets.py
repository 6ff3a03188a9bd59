#!/usr/bin/env python3
"""Packs data sets, verifies them, reads them back with h5py, and compares every pixel, mask and label with independent readers.

tools/data/check_datasets.py build/dev/bin/muster [--shared ../shared/data] [--out DIR] [--sheets DIR] [--ranks N] [SET ...]

Readers: Pillow for images and masks, json and numpy for COCO panoptic files, pydicom for DICOM. Ends with 1 when anything differs.
tests/e2e/datasets_test.py is the short form of it.
"""

import argparse
import csv
import io
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

def exact(image):
    """Every bit of a picture that Pillow opened: grey of 16 bits as [H, W] u16, everything else as [H, W, 3] u8."""
    if image.mode in ("I", "I;16", "I;16B", "I;16L"):
        values = np.asarray(image)
        assert values.min() >= 0 and values.max() <= 65535, image.mode
        return values.astype(np.uint16)
    return rgb(image)


def read_source(path):
    """(pixels upright, height and width as stored, orientation) of a source image; ValueError when the independent reader cannot."""
    if path.suffix.lower() == ".dcm":
        pixels = dicom(path)
        return pixels, pixels.shape[:2], 1
    try:
        image = Image.open(path)
        tiff = image.format == "TIFF"
        size = (image.tag_v2[257], image.tag_v2[256]) if tiff else (image.height, image.width)
        bits = image.tag_v2.get(258, (1,)) if tiff else (8,)
        orientation = image.tag_v2.get(274, 1) if tiff else 1  # load() turns a TIFF file, and takes the tag away
        image.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(str(error)) from error
    pixels = exact(image)
    if tiff:
        if pixels.dtype == np.uint16 and bits != (16,):  # TIFF 6.0, tag 262: 2^BitsPerSample - 1 is imaged as white
            pixels = np.rint(pixels * (65535 / (2 ** bits[0] - 1))).astype(np.uint16)
        return pixels, size, orientation
    orientation = image.getexif().get(274, 1)
    orientation = orientation if orientation in range(1, 9) else 1
    return upright(pixels, orientation), size, orientation


def dicom(path):
    """The first frame as DICOM PS3.3 wants it shown: modality (C.11.1), window (C.11.2.1.2), 0 to 65535, MONOCHROME1 turned (C.7.6.3.1.2).

    Without a window the whole range of the values that occur is shown, by the window that note 4 of C.11.2.1.2.1 gives for it; the standard
    leaves that choice to the application, src/image/dicom.hpp made it. The formulas are pydicom's.
    """
    import pydicom
    from pydicom.pixels import apply_modality_lut, apply_windowing
    try:
        data = pydicom.dcmread(path)
        pixels = data.pixel_array
    except Exception as error:  # pydicom's errors have no common base
        raise ValueError(f"pydicom: {error}") from error
    if data.SamplesPerPixel == 3:
        return pixels
    assert pixels.ndim == 2 and data.BitsAllocated == 16 and "VOILUTSequence" not in data, f"{path}: a form that is not compared yet"
    values = apply_modality_lut(pixels, data).astype(np.float64)
    if "WindowWidth" not in data:
        data.WindowCenter, data.WindowWidth = (values.min() + values.max() + 1) / 2, values.max() - values.min() + 1
    low, high = apply_windowing(np.array([-1e9, 1e9]), data)  # ymin and ymax of the standard, as pydicom chose them
    unit = (apply_windowing(values, data) - low) / (high - low)
    if data.PhotometricInterpretation == "MONOCHROME1":
        unit = 1 - unit
    return np.floor(unit * 65535 + 0.5).astype(np.uint16)


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
    """Yields what differs between a stored image and its source.

    A copy is proved by its bytes. What was rewritten is a PNG without loss or the same JPEG coefficients, so that no tolerance is needed:
    grey of 16 bits is compared at 16 bits. Pillow has no RGB of 16 bits; second_readers.py compares those.
    """
    try:
        source, size, orientation = read_source(path)
    except ValueError as error:
        yield f"packed, but not read by the independent reader: {error}"
        return
    if sample.source_size != size:
        yield f"source size {sample.source_size}, it is {size}"
    if sample.mask is None and sample.orientation != orientation:  # with masks a policy decides (CONTRACTS 15)
        yield f"orientation {sample.orientation}, it is {orientation}"
    if sample.size != (turned := size[::-1] if sample.orientation >= 5 else size):
        yield f"index says {sample.size}, the image is {turned}"
    if sample.image == path.read_bytes():
        return
    packed = upright(exact(Image.open(io.BytesIO(sample.image))), sample.orientation)
    if source.shape != packed.shape or source.dtype != packed.dtype:
        yield f"pixels {packed.shape} {packed.dtype}, the source has {source.shape} {source.dtype}"
    elif (difference := np.abs(source.astype(int) - packed.astype(int)).max()) > 0:
        yield f"pixels differ by up to {difference} of {np.iinfo(source.dtype).max}"


def check_left_out(path, reason):
    """A file that is called damaged must be so for the independent reader too; formats that Muster does not read are another matter."""
    if "which Muster does not read" in reason:
        return
    try:
        read_source(path)
    except ValueError:
        return
    yield f"left out ({reason}), but the independent reader reads it"


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
    for key, reason in sorted(skipped.items()):
        problems += [f"{split}/{key}: {text}" for text in check_left_out(root / key, reason)]
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
