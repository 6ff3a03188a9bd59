#!/usr/bin/env python3
"""Writes expected.csv: what every file of shared/data/odd_images must decode to, by readers that are not ours.

    python3 -m venv V && V/bin/pip install 'pillow<13' numpy pydicom && V/bin/python tests/odd_images/make_expected.py FOLDER

Columns: file, bytes, height and width as stored, orientation (EXIF, TIFF tag or XMP, by Pillow), crc32 of the RGB bytes (zlib's), reader
that gave them; or, for a file that is refused, words of the refusal, joined by "&". The rules are those of src/CONTRACTS.md 15: alpha
dropped, 16 bits as v / 257 rounded, CMYK as Pillow converts it. Pillow decides wherever it keeps every bit; where it does not (it cuts 16
bits to the upper 8, or clips them), the samples are taken out of the file by the few lines below, with zlib and numpy. DICOM: pydicom's
pixels and its own modality and VOI functions.
"""
import csv
import io
import pathlib
import struct
import sys
import warnings
import zlib

import numpy
from PIL import Image, ImageFile

HERE = pathlib.Path(__file__).resolve().parent

# What Muster refuses, and words that its sentence must have.
REFUSED = {
    "exif_rotation/rot1mir0.avif": "a HEIC or AVIF file&heif-convert",
    "other_formats/hopper.avif": "a HEIC or AVIF file&heif-convert",
    "other_formats/cheers_1440x960.heic": "a HEIC or AVIF file&heif-convert",
    "deep/10ct_32bit_128.tiff": "32-bit floats&scale them",
    "palette/hopper.gif": "a GIF file&to PNG",
    "other_formats/iss634.gif": "a GIF file&to PNG",
    "truncated/truncated_jpeg.jpg": "cut off or damaged",
    "truncated/truncated_image.png": "premature end of file&cut off or damaged",
    "truncated/broken.png": "cut off or damaged",
    "truncated/broken_data_stream.png": "cut off or damaged",
    "truncated/beach.jpg": "cut off or damaged",
    "tiff/hopper.Lab.tif": "Lab colours&convert it to RGB",
    "pnm/hopper.pfm": "a PFM file of floats&scale them",
    "other_formats/rgb32rle.tga": "a TGA file&convert it to PNG",
    "other_formats/hopper.ico": "an icon file&to PNG",
    "other_formats/hopper.psd": "a Photoshop file&to PNG",
    "other_formats/hopper.qoi": "a QOI file&convert it to PNG",
    "other_formats/hopper.dds": "a DDS file&convert it to PNG",
    "dicom/MR_truncated.dcm": "cut off or damaged",
    "crafted/vector.svg": "an SVG drawing&render it",
    "crafted/zero_bytes.jpg": "an empty file&0 bytes",
    "crafted/text_named.jpg": "no image file of a known kind",
    "crafted/cut_in_half.jpg": "cut off or damaged",
}


def sixteen_to_8(values):
    return ((values.astype(numpy.uint32) * 255 + 32767) // 65535).astype(numpy.uint8)


def rgb(values):
    return numpy.stack([values] * 3, axis=-1) if values.ndim == 2 else values[..., :3]


def deep_png(data):
    """[H, W, channels] of a PNG of 16 bits that is not interlaced."""
    at, idat, header = 8, b"", None
    while at < len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        header = struct.unpack(">IIBBBBB", body) if name == b"IHDR" else header
        idat += body if name == b"IDAT" else b""
        at += 12 + length if name != b"IEND" else len(data)
    width, height, depth, colour, _, _, interlace = header
    if depth != 16 or interlace:
        return None
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    stride, step = width * channels * 2, channels * 2
    raw, rows, above = zlib.decompress(idat), [], bytes(width * channels * 2)
    for y in range(height):
        kind, line = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1 : (y + 1) * (stride + 1)])
        for i in range(stride):
            a = line[i - step] if i >= step else 0
            b, c = above[i], above[i - step] if i >= step else 0
            nearest = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            line[i] = (line[i] + (0, a, b, (a + b) // 2, nearest)[kind]) & 255
        rows.append(bytes(line))
        above = rows[-1]
    values = numpy.frombuffer(b"".join(rows), ">u2").reshape(height, width, channels)
    return values[..., 0] if channels < 3 else values


def deep_tiff(path):
    """The one RGB file of 16 bits: Deflate, in tiles."""
    image = Image.open(path)
    tags = image.tag_v2
    if tags.get(258) != (16, 16, 16) or tags[259] != 8 or 322 not in tags or len(tags[324]) != 1:
        return None
    tile = zlib.decompress(path.read_bytes()[tags[324][0] :])
    values = numpy.frombuffer(tile, tags.prefix.decode().replace("II", "<").replace("MM", ">") + "u2")
    return values.reshape(tags[323], tags[322], 3)[: image.height, : image.width]


def dicom(path):
    import pydicom
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    warnings.simplefilter("ignore")
    data = pydicom.dcmread(path)
    pixels = data.pixel_array
    if data.SamplesPerPixel == 3:
        return pixels
    if data.BitsAllocated == 8:
        return rgb(pixels)
    values = apply_modality_lut(pixels, data).astype(float)
    if "WindowCenter" in data:
        # pydicom windows onto the range of the stored bits after rescaling; here that range is stretched to 0..65535.
        slope, intercept = float(data.get("RescaleSlope", 1)), float(data.get("RescaleIntercept", 0))
        low, high = (-(2 ** (data.BitsStored - 1)), 2 ** (data.BitsStored - 1) - 1) if data.PixelRepresentation else (0, 2**data.BitsStored - 1)
        low, high = low * slope + intercept, high * slope + intercept
        values = apply_voi_lut(values if "RescaleSlope" in data else pixels, data, index=0).astype(float)
    else:
        low, high = values.min(), values.max()
    wide = numpy.floor((values - low) / (high - low) * 65535 + 0.5)
    if data.PhotometricInterpretation == "MONOCHROME1":
        wide = 65535 - wide
    return rgb(sixteen_to_8(wide))


def orientation_of(image):
    image.load()  # Pillow sees text chunks behind the pixels only then, and takes TIFF's tag away, which the caller puts back
    return image.getexif().get(0x0112, 1)


def answer(path):
    """RGB as stored, orientation, reader."""
    data = path.read_bytes()
    if data[128:132] == b"DICM":
        return dicom(path), 1, "pydicom"
    image = Image.open(io.BytesIO(data))
    tiff_orientation = image.tag_v2.get(274, 1) if image.format == "TIFF" else 1
    if image.format == "PNG" and (values := deep_png(data)) is not None:
        return rgb(sixteen_to_8(values)), orientation_of(image), "zlib"
    if image.format == "TIFF" and (values := deep_tiff(path)) is not None:
        return sixteen_to_8(values), tiff_orientation, "zlib"
    if image.mode in ("I", "I;16", "I;16B"):
        values = numpy.asarray(image).astype(numpy.uint32)
        if image.format == "TIFF" and image.tag_v2[258] == (12,):
            values = (values * 65535 + 2047) // 4095
        return rgb(sixteen_to_8(values)), max(tiff_orientation, 1), "Pillow's samples"
    orientation = orientation_of(image)
    values = numpy.asarray(image)[..., :3] if image.mode == "RGBA" else numpy.asarray(image.convert("RGB"))
    if tiff_orientation == 5:
        values = values.transpose(1, 0, 2)  # Pillow turned it
    return values, max(orientation, tiff_orientation), "Pillow"


def main(folder):
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    with open(folder / "MANIFEST.csv", newline="", encoding="utf-8") as file:
        names = [row["file"] for row in csv.DictReader(file)]
    with open(HERE / "expected.csv", "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["file", "bytes", "height", "width", "orientation", "crc32", "reader", "refusal"])
        for name in names:
            path = folder / name
            size = path.stat().st_size
            if name in REFUSED:
                out.writerow([name, size, "", "", "", "", "", REFUSED[name]])
                continue
            values, orientation, reader = answer(path)
            values = numpy.ascontiguousarray(values)
            assert values.dtype == numpy.uint8 and values.ndim == 3 and values.shape[2] == 3, (name, values.dtype, values.shape)
            out.writerow([name, size, *values.shape[:2], orientation, f"{zlib.crc32(values.tobytes()):08x}", reader, ""])


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
