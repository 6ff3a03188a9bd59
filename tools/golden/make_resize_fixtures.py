#!/usr/bin/env python3
"""Makes tests/image/fixtures: small images and what Pillow makes of them, for the tests of src/image.

    python3 -m venv V && V/bin/pip install 'pillow<13' numpy && V/bin/python tools/golden/make_resize_fixtures.py

Everything is generated from a formula (no photograph), so the files are CC0. Same Pillow, same bytes.

Pillow 3.3 to 12 pass over rows first, then over columns, and so do torchvision's published numbers. Pillow 13 begins with the columns where the
height shrinks much more than the width (python-pillow/Pillow#9549), which rounds differently; this script refuses it.
"""
import pathlib

import PIL
import numpy
from PIL import Image, ImageOps

if int(PIL.__version__.split(".")[0]) >= 13:
    raise SystemExit(f"Pillow {PIL.__version__} resizes in another order; install 'pillow<13'")

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "image" / "fixtures"
OUT.mkdir(parents=True, exist_ok=True)
random = numpy.random.default_rng(20)


def picture(height, width):
    """Waves, an edge and noise: smooth, sharp and rough places, dark and bright."""
    y, x = numpy.mgrid[0:height, 0:width].astype(float)
    planes = [127 + 120 * numpy.sin(x / (3.0 + c) + y / 7.0 + c) * numpy.cos(y / (5.0 + c)) for c in range(3)]
    image = numpy.stack(planes, axis=-1) + random.normal(0, 25, (height, width, 3))
    image[:, width // 2 :] = 255 - image[:, width // 2 :]
    return Image.fromarray(numpy.clip(image, 0, 255).astype(numpy.uint8))


def save(image, name):
    image.save(OUT / name, optimize=True)


# Resizing: shrinking, enlarging, one side only, extreme, a box with fractions.
source = picture(47, 61)
save(source, "source.png")
for name, filter in (("bilinear", Image.Resampling.BILINEAR), ("bicubic", Image.Resampling.BICUBIC)):
    for height, width in ((47, 61), (24, 31), (80, 100), (47, 20), (13, 61), (1, 1), (7, 90)):
        save(source.resize((width, height), filter), f"{name}_{height}x{width}.png")
    save(source.resize((33, 29), filter, box=(3.25, 1.5, 50.7, 44.125)), f"{name}_box_29x33.png")

# Labels, nearest: sizes whose centres fall on borders between pixels (2 to 3, 6 to 10) among them.
labels = Image.fromarray(random.integers(0, 256, (36, 50)).astype(numpy.uint8))
save(labels, "labels.png")
for height, width in ((54, 75), (18, 25), (12, 40), (60, 30), (7, 99), (36, 50)):
    save(labels.resize((width, height), Image.Resampling.NEAREST), f"nearest_{height}x{width}.png")

# Decoding.
jpeg = picture(40, 56)
for subsampling in (0, 1, 2):
    name = f"jpeg_{('444', '422', '420')[subsampling]}"
    jpeg.save(OUT / f"{name}.jpg", quality=80, subsampling=subsampling)
    save(Image.open(OUT / f"{name}.jpg").convert("RGB"), f"{name}_rgb.png")
jpeg.save(OUT / "progressive.jpg", quality=80, progressive=True, comment="kept")
save(Image.open(OUT / "progressive.jpg").convert("RGB"), "progressive_rgb.png")
jpeg.convert("L").save(OUT / "grey.jpg", quality=80)
save(Image.open(OUT / "grey.jpg").convert("RGB"), "grey_rgb.png")
inks = numpy.concatenate([numpy.asarray(jpeg), random.integers(0, 200, (40, 56, 1))], axis=-1).astype(numpy.uint8)
Image.fromarray(inks, mode="CMYK").save(OUT / "cmyk.jpg", quality=90)
save(Image.open(OUT / "cmyk.jpg").convert("RGB"), "cmyk_rgb.png")

small = picture(12, 17)
for bits in (1, 2, 4, 8):
    palette = small.quantize(2**bits if bits < 8 else 200)
    palette.save(OUT / f"palette_{bits}.png", bits=bits, transparency=0)
    save(palette.convert("RGB"), f"palette_{bits}_rgb.png")
    save(Image.fromarray(numpy.asarray(palette)), f"palette_{bits}_indices.png")
alpha = Image.fromarray(random.integers(0, 256, (12, 17)).astype(numpy.uint8))
rgba = small.copy()
rgba.putalpha(alpha)
save(rgba, "rgba.png")
save(small, "rgba_rgb.png")
grey_alpha = small.convert("L")
grey_alpha.putalpha(alpha)
save(grey_alpha, "grey_alpha.png")
save(small.convert("L").convert("RGB"), "grey_alpha_rgb.png")
deep = random.integers(0, 65536, (12, 17)).astype(numpy.uint16)
deep[0, :4] = (0, 128, 129, 65535)  # 128 / 257 rounds down, 129 / 257 up
Image.fromarray(deep).save(OUT / "deep.png")
save(Image.fromarray(numpy.rint(deep / 257.0).astype(numpy.uint8)).convert("RGB"), "deep_rgb.png")

# Orientation: what is stored, tagged, and how it looks upright.
stored = picture(16, 24)
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(OUT / f"exif_{orientation}.jpg", quality=60, exif=exif)
    save(ImageOps.exif_transpose(Image.open(OUT / f"exif_{orientation}.jpg")).convert("RGB"), f"exif_{orientation}_upright.png")
exif[0x0112] = 3
stored.save(OUT / "exif_3.png", exif=exif, optimize=True)

print(sum(f.stat().st_size for f in OUT.iterdir()), "bytes in", len(list(OUT.iterdir())), "files")
