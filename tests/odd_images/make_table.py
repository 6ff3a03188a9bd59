#!/usr/bin/env python3
"""Prints the table of src/data/README.md: what Muster, PIL and torchvision do with each odd file.

    V/bin/python tests/odd_images/make_table.py --torchvision FOLDER > torchvision.json      # a venv with torch and torchvision
    V/bin/python tests/odd_images/make_table.py FOLDER torchvision.json > table.md           # a venv with 'pillow<13' and numpy

PIL is Image.open(file).convert("RGB"), what torchvision's ImageFolder does; torchvision is decode_image(read_file(file), mode=RGB).
Muster's column is expected.csv, which test_image_odd checks.
"""
import csv
import json
import pathlib
import re
import sys
import zlib

HERE = pathlib.Path(__file__).resolve().parent

MUSTER = [  # by the refusal's first words
    ("a HEIC or AVIF", "refused: HEIC or AVIF; convert it"), ("32-bit floats", "refused: floats without a range; scale them"),
    ("a GIF", "refused: GIF; convert the frame that counts"), ("premature end", "refused: cut off"), ("cut off", "refused: cut off or damaged"),
    ("Lab", "refused: Lab colours; convert it"), ("a PFM", "refused: floats without a range; scale them"), ("a TGA", "refused: TGA; convert it"),
    ("an icon", "refused: icon; convert it"), ("a Photoshop", "refused: Photoshop; convert it"), ("a QOI", "refused: QOI; convert it"),
    ("a DDS", "refused: DDS; convert it"), ("an SVG", "refused: drawing; render it"), ("an empty", "refused: empty file"),
    ("no image file", "refused: no image"),
]
ODD = {  # what is odd, where folder and name do not say it
    "cmyk/tiff_strip_cmyk_jpeg.tif": "CMYK as JPEG in TIFF", "cmyk/pil_sample_cmyk.jpg": "Adobe CMYK", "cmyk/Multiple ICC segments.jpg": "CMYK, ICC profile in parts",
    "exif_rotation/xmp_tags_orientation.png": "orientation in XMP alone", "exif_rotation/exif_imagemagick_orientation.png": "orientation in a text chunk",
    "exif_rotation/rot1mir0.avif": "AVIF", "deep/10ct_32bit_128.tiff": "32-bit floats", "deep/12bit.cropped.tif": "12-bit grey",
    "deep/16_bit_noise.tif": "16-bit grey", "deep/16bit.cropped.tif": "16-bit grey", "deep/hopper_16bit.pgm": "16-bit grey",
    "deep/tiff_16bit_RGB.tiff": "16-bit RGB, Deflate, one tile", "deep/Nikon-D300-12bit_2020_g1_dt.png": "16-bit RGB", "deep/basn0g16.png": "16-bit grey",
    "deep/basn2c16.png": "16-bit RGB", "deep/basn6a16.png": "16-bit RGB and alpha", "deep/tbwn0g16.png": "16-bit grey, transparent value",
    "palette/i_trns.png": "16-bit grey, transparent value", "palette/basn3p01.png": "1-bit palette", "palette/basn3p02.png": "2-bit palette",
    "palette/basn3p04.png": "4-bit palette", "palette/basn3p08.png": "8-bit palette", "palette/tbbn3p08.png": "palette, transparent entry",
    "palette/hopper.gif": "GIF", "gray/hopper_gray.jpg": "grey", "gray/basn0g01.png": "1-bit grey", "gray/basn0g08.png": "grey",
    "gray/basn4a08.png": "grey and alpha", "gray/hopper_1bit.pbm": "bits", "alpha/transparent.png": "RGBA", "alpha/basn6a08.png": "RGBA",
    "alpha/transparent.webp": "RGBA", "alpha/rgb_trns.png": "RGB, transparent colour", "alpha/p_16.png": "RGBA of 16 colours",
    "interlaced_progressive/basi2c08.png": "interlaced", "interlaced_progressive/cat.jpg": "progressive; stored as baseline",
    "truncated/truncated_jpeg.jpg": "cut", "truncated/truncated_image.png": "cut", "truncated/broken.png": "noise after the signature",
    "truncated/broken_data_stream.png": "damaged pixels", "truncated/beach.jpg": "no size, only tables",
    "webp/hopper.webp": "lossy", "webp/flower.webp": "lossy", "webp/iss634.webp": "animation: first frame, stored as PNG", "webp/simple.webp": "lossless",
    "webp/HTC Desire.webp": "EXIF", "tiff/hopper.tif": "strips", "tiff/hopper_lzw.tif": "LZW", "tiff/hopper_g4.tif": "fax, 0 is white",
    "tiff/multipage.tiff": "3 pages: the first", "tiff/hopper_bigtiff.tif": "BigTIFF", "tiff/hopper.Lab.tif": "Lab", "tiff/tiff_tiled_planar_lzw.tiff": "tiles, planar, LZW",
    "tiff/g4_orientation_5.tif": "fax, orientation 5", "bmp/hopper.bmp": "24 bits, V5 header", "bmp/hopper_rle8.bmp": "RLE8", "bmp/rgb16-565.bmp": "16 bits, 5-6-5",
    "bmp/pal1.bmp": "1-bit palette", "bmp/rgb32.bmp": "32 bits", "pnm/hopper.ppm": "binary", "pnm/hopper_8bit_plain.ppm": "text", "pnm/hopper_8bit.pgm": "grey",
    "pnm/hopper.pfm": "floats", "other_formats/hopper.jpg": "plain JPEG", "other_formats/iss634.gif": "animated GIF", "other_formats/16bit.cropped.jp2": "JPEG 2000, 16 bits",
    "other_formats/hopper.avif": "AVIF", "other_formats/frozenpond.mpo": "two views: the first", "other_formats/rgb32rle.tga": "TGA", "other_formats/hopper.ico": "icon",
    "other_formats/hopper.psd": "Photoshop", "other_formats/hopper.qoi": "QOI", "other_formats/hopper.dds": "DDS", "other_formats/cheers_1440x960.heic": "HEIC",
    "jpeg_quirks/junk_jpeg_header.jpg": "bytes between segments", "jpeg_quirks/app13.jpg": "broken Photoshop segment", "jpeg_quirks/hopper_16bit_qtables.jpg": "16-bit quantisation tables",
    "jpeg_quirks/invalid-exif.jpg": "EXIF damaged: upright", "jpeg_quirks/icc_profile_big.jpg": "ICC profile of 0.4 MB", "jpeg_quirks/multiple_exif.jpg": "two EXIF segments",
    "jpeg_quirks/portrait_2.jpg": "orientation 2", "tiny/tRNS_null_1x1.png": "1 x 1", "tiny/s01n3p01.png": "1 x 1, 1-bit palette", "tiny/s33n3p04.png": "33 x 33, 4-bit palette",
    "dicom/CT_small.dcm": "CT, 16 bits signed", "dicom/MR_small.dcm": "MR, 16 bits signed", "dicom/JPEG2000.dcm": "JPEG 2000 inside", "dicom/SC_rgb_small_odd.dcm": "RGB, odd sides",
    "dicom/MR_truncated.dcm": "cut", "dicom/examples_rgb_color.dcm": "RGB", "dicom/ExplVR_BigEnd.dcm": "big-endian", "crafted/vector.svg": "SVG", "crafted/zero_bytes.jpg": "empty",
    "crafted/jpeg_named.png": "a JPEG", "crafted/text_named.jpg": "text", "crafted/cut_in_half.jpg": "cut", "crafted/UPPER CASE and spaces.JPG": "its name", "crafted/filé_图.jpg": "its name",
    "crafted/wide_1600x24.png": "1600 x 24", "crafted/tall_24x1600.jpg": "24 x 1600", "crafted/one_pixel_high_300x1.png": "300 x 1", "crafted/.hidden.jpg": "a dot file, packed as any other",
}


def expected():
    with open(HERE / "expected.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def short(error):
    text = str(error).split("\n")[0]
    text = re.sub(r"<_io[^>]*>|'/[^']*'|/\S*/", "", text).strip()
    known = {"Unsupported image file": "does not know it", "cannot identify image file": "does not know it", "image file is truncated": "truncated",
             "Image is incomplete": "truncated", "Out of bound read": "truncated", "Internal error": "internal error", "Expected a non empty": "empty file"}
    return next((said for start, said in known.items() if text.startswith(start)), text[:60])


def with_torchvision(folder):
    import torch  # noqa: F401
    from torchvision.io import ImageReadMode, decode_image, read_file

    answers = {}
    for row in expected():
        try:
            values = decode_image(read_file(str(folder / row["file"])), mode=ImageReadMode.RGB)
            kind = "16 bits, as stored" if values.element_size() == 2 else "reads all frames" if values.ndim == 4 else "reads it"
            rgb = values[0] if values.ndim == 4 else values
            answers[row["file"]] = [f"{zlib.crc32(rgb.permute(1, 2, 0).contiguous().numpy().tobytes()):08x}", kind]
        except Exception as error:
            answers[row["file"]] = [None, short(error)]
    json.dump(answers, sys.stdout, indent=0)


def with_pil(path, row):
    from PIL import Image

    try:
        with Image.open(path) as image:
            mode, frames = image.mode, getattr(image, "n_frames", 1)
            values = image.convert("RGB")
    except Exception as error:
        return f"fails: {short(error) or type(error).__name__}"
    if row["crc32"] == "":
        return "reads the first frame" if frames > 1 else "clips at 0 and 255" if mode == "F" else "reads it"
    if f"{zlib.crc32(values.tobytes()):08x}" == row["crc32"]:
        return "same"
    if mode in ("I", "I;16", "I;16B"):
        return "clips 16 bits at 255"
    if row["orientation"] == "5" and path.suffix == ".tif":
        return "same, already turned"
    return "upper 8 bits"


def muster(row):
    if row["crc32"]:
        turned = f"; orientation {row['orientation']}" if row["orientation"] != "1" else ""
        return "read" + turned
    return next(text for start, text in MUSTER if row["refusal"].startswith(start))


def table(folder, torchvision):
    print("| file | what is odd | Muster | PIL | torchvision |\n|---|---|---|---|---|")
    for row in expected():
        name = row["file"]
        crc, text = torchvision[name]
        tv = f"fails: {text}" if crc is None else "same" if crc == row["crc32"] else text if row["crc32"] == "" or text != "reads it" else "differs"
        print(f"| {name} | {ODD.get(name, name.split('/')[0].replace('_', ' '))} | {muster(row)} | {with_pil(folder / name, row)} | {tv} |")


if __name__ == "__main__":
    if sys.argv[1] == "--torchvision":
        with_torchvision(pathlib.Path(sys.argv[2]))
    else:
        table(pathlib.Path(sys.argv[1]), json.load(open(sys.argv[2], encoding="utf-8")))
