"""Compares masks that we read with the same masks read by Pillow and mapped by numpy: colours, values, merged classes, reduced labels.

masks_by_pillow.py DENSE_MASKS      (the program built from dense_masks.cpp)
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

VOID = 65535
COLORS = {4: [(128, 64, 0), (0, 0, 1)], 2: [(255, 255, 255), (0, 0, 0)], 9: [(1, 128, 255)]}
VALUES = {7: [7, 8, 300], 0: [0], 3: [2, 15, 1]}
IGNORED = [255, 9]


def patches(rng, choices, height=37, width=53):
    """[height, width, ...] of small rectangles of the choices."""
    choices = np.asarray(choices)
    index = rng.integers(0, len(choices), (height // 3 + 1, width // 5 + 1)).repeat(3, 0).repeat(5, 1)
    return choices[index[:height, :width]]


def color_masks(folder, rng):
    every = [c for colors in COLORS.values() for c in colors]
    rgb = patches(rng, every).astype(np.uint8)
    picture = Image.fromarray(rgb)
    picture.save(folder / "rgb.png")
    picture.save(folder / "rgb.bmp")
    picture.save(folder / "rgb.tif", compression="tiff_lzw")
    picture.save(folder / "rgb.webp", lossless=True, exact=True)
    picture.save(folder / "rgb.ppm")
    Image.fromarray(np.dstack([rgb, rng.integers(0, 256, rgb.shape[:2]).astype(np.uint8)])).save(folder / "rgba.png")
    picture.quantize(16, dither=Image.Dither.NONE).save(folder / "palette.png")
    Image.fromarray(patches(rng, [0, 255]).astype(np.uint8)).save(folder / "grey.png")
    Image.fromarray(patches(rng, [False, True])).save(folder / "bit.png")
    picture.save(folder / "lossy.jpg", quality=100, subsampling=0)
    picture.save(folder / "lossy.webp", quality=90)
    foreign = rgb.copy()
    foreign[:2, :3] = (5, 6, 7)
    Image.fromarray(foreign).save(folder / "foreign.png")


def value_masks(folder, rng):
    narrow = patches(rng, [0, 1, 2, 7, 8, 15, 255, 9]).astype(np.uint8)
    Image.fromarray(narrow).save(folder / "grey.png")
    Image.fromarray(narrow).save(folder / "grey.pgm")
    Image.fromarray(narrow).save(folder / "grey.bmp")
    Image.fromarray(narrow).save(folder / "grey.tif")
    Image.fromarray(patches(rng, [0, 300, 7]).astype(np.uint16)).save(folder / "wide.png")
    palette = Image.fromarray(narrow)
    palette.putpalette(rng.integers(0, 256, 768).astype(np.uint8).tobytes())
    palette.save(folder / "palette.png")
    few = Image.fromarray(patches(rng, [0, 1, 2, 7, 8, 15, 9]).astype(np.uint8))
    few.putpalette([i * 5 % 256 for i in range(48)])
    few.save(folder / "four_bits.png", bits=4)
    Image.fromarray(patches(rng, [False, True])).save(folder / "bit.png")
    Image.fromarray(patches(rng, [0, 77]).astype(np.uint8)).save(folder / "foreign.png")


def by_pillow_color(path):
    """Labels, or None where a colour is not declared."""
    rgb = np.asarray(Image.open(path).convert("RGB")).astype(np.int64)
    labels = np.full(rgb.shape[:2], -1)
    for dense, class_id in enumerate(sorted(COLORS)):
        for color in COLORS[class_id]:
            labels[(rgb == color).all(2)] = dense
    return labels


def by_pillow_value(path, reduce):
    values = np.asarray(Image.open(path)).astype(np.int64)
    labels = np.full(values.shape, -1)
    if reduce:  # as Hugging Face's image processors do it
        values = np.where((values == 0) | (values == 255), -2, values - 1)
        labels[values == -2] = VOID
    for value in IGNORED:
        labels[values == value] = VOID
    for dense, class_id in enumerate(sorted(VALUES)):
        for value in VALUES[class_id]:
            labels[values == value] = dense
    return labels


def compare(folder, classes, reader, refused):
    """Returns how many masks agreed."""
    masks = sorted(p for p in folder.iterdir() if p.suffix not in (".json", ".u16"))
    (folder / "classes.json").write_text(json.dumps(classes), encoding="utf-8")
    run = subprocess.run([sys.argv[1], folder / "classes.json", folder, *masks], check=True, capture_output=True, text=True)
    lines = run.stdout.splitlines()
    assert len(lines) == len(masks), run.stderr
    agreed = 0
    for i, (path, line) in enumerate(zip(masks, lines)):
        if path.name in refused:
            assert line.startswith("refused: ") and refused[path.name] in line, line
            continue
        wanted = reader(path)
        if (wanted < 0).any():
            raise AssertionError(f"{path.name}: the test itself holds undeclared values")
        assert not line.startswith("refused"), line
        height, width, *histogram = line.split()
        assert (int(height), int(width)) == wanted.shape, path.name
        labels = np.fromfile(folder / f"{i}.u16", "<u2").reshape(wanted.shape)
        assert np.array_equal(labels, wanted), path.name
        counts = {c: int((wanted == c).sum()) for c in range(len(classes["classes"]))}
        assert histogram == [f"{c}:{n}" for c, n in counts.items() if n], path.name
        agreed += 1
    return agreed


def main():
    rng = np.random.default_rng(3)
    with tempfile.TemporaryDirectory() as root:
        colors, values, reduced = (Path(root) / name for name in ("colors", "values", "reduced"))
        for folder in (colors, values, reduced):
            folder.mkdir()
        color_masks(colors, rng)
        value_masks(values, rng)
        Image.fromarray(patches(rng, [0, 1, 2, 3, 8, 9, 16, 255]).astype(np.uint8)).save(reduced / "ade.png")
        Image.fromarray(patches(rng, [0, 1, 2, 301, 255]).astype(np.uint16)).save(reduced / "wide.png")

        named = {str(i): {"name": f"c{i}", "labels": colors_of} for i, colors_of in COLORS.items()}
        agreed = compare(
            colors,
            {"classes": named},
            by_pillow_color,
            {
                "lossy.jpg": "is a JPEG file",
                "lossy.webp": "is a WebP file",
                "foreign.png": "undeclared colour (5, 6, 7) in 6 pixels",
            },
        )
        named = {str(i): {"name": f"c{i}", "labels": labels} for i, labels in VALUES.items()}
        foreign = int((np.asarray(Image.open(values / "foreign.png")) == 77).sum())
        agreed += compare(
            values,
            {"classes": named, "ignore_classes": IGNORED},
            lambda path: by_pillow_value(path, False),
            {"foreign.png": f"undeclared value 77 in {foreign} pixels"},
        )
        agreed += compare(
            reduced, {"classes": named, "ignore_classes": IGNORED, "reduce_labels": True}, lambda path: by_pillow_value(path, True), {}
        )
    print(f"{agreed} masks agree with Pillow and numpy pixel by pixel")


if __name__ == "__main__":
    main()
