#!/usr/bin/env python3
"""The odd images by readers that neither expected.csv nor check_datasets.py was made with, pixel by pixel.

    python3 -m venv V && V/bin/pip install numpy h5py pillow tifffile imagecodecs opencv-python-headless SimpleITK av pydicom
    V/bin/python tools/data/second_readers.py ../shared/data/odd_images [PACKED]

1. tests/odd_images/expected.csv, with which test_image_odd compares Muster's own decoder: its CRC-32 of the RGB bytes.
2. With PACKED (a folder of `muster pack datasets/odd_images/pack.yaml`): the stored pictures that are no copies, at their full depth, so also
   the lower bytes of 16-bit RGB, which Pillow drops.
Readers: imagecodecs (JPEG, WebP, JPEG 2000, and the stored PNG), OpenCV (PNG, BMP, PNM), tifffile, SimpleITK with GDCM and ITK's window filter
(DICOM). JPEG 2000 is OpenJPEG's everywhere, Muster's included; FFmpeg's own decoder is asked about the one DICOM file, which is lossy.
Nothing may differ, with two exceptions that the formats leave open: how 5 and 6 bits of a BMP become 8 (their upper bits must be the same),
and one step of the samples where FFmpeg and OpenJPEG round the lossy wavelet differently.
"""

import csv
import sys
import zlib
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import SimpleITK
import tifffile

HERE = Path(__file__).resolve().parent
BMP_FIELDS = {"bmp/rgb16-565.bmp": (5, 6, 5)}  # Microsoft's BITMAPINFOHEADER says where the bits are, not how they are stretched


def opencv(data):
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise ValueError("OpenCV does not read it")
    return pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]


def without_ink(cmyk):
    """CMYK, 0 = no ink, as the JPEG rule of CONTRACTS 15 has it; the products have no halves, so that rounding is the same everywhere."""
    light = 255 - cmyk.astype(np.float64)
    return np.rint(light[..., :3] * light[..., 3:] / 255).astype(np.uint8)


def jpeg(data):
    pixels = imagecodecs.jpeg8_decode(data)
    return without_ink(255 - imagecodecs.jpeg8_decode(data, outcolorspace="CMYK")) if pixels.shape[-1] == 4 else pixels  # Adobe turns the inks


def tiff(path):
    """As stored, not turned. TIFF 6.0, section 8: what photometric interpretations mean, and that 2^BitsPerSample - 1 is the other end."""
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        pixels, top = page.asarray(), 2**page.bitspersample - 1
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
            pixels = np.moveaxis(pixels, 0, -1)
        if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
            return np.rint(np.moveaxis(page.colormap, 0, -1)[pixels.astype(int)] / 257).astype(np.uint8)
        if page.photometric == tifffile.PHOTOMETRIC.SEPARATED:
            return without_ink(pixels)
        if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
            pixels = top - pixels.astype(np.int64)
        full, kind = (255, np.uint8) if top <= 255 else (65535, np.uint16)
        return np.rint(pixels * (full / top)).astype(kind)


def dicom(path):
    """GDCM's values after rescaling, ITK's linear window. DICOM PS3.3 C.11.2.1.2.1: values up to c - 0.5 - (w - 1) / 2 are the darkest,
    values above c - 0.5 + (w - 1) / 2 the brightest; note 4: the window that shows all values that occur, for files without one."""
    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    image = reader.Execute()
    values = SimpleITK.GetArrayFromImage(image)[0]
    if image.GetNumberOfComponentsPerPixel() == 3:
        return values
    assert reader.GetMetaData("0028|0004").strip() == "MONOCHROME2" and not reader.HasMetaDataKey("0028|1056"), path
    low, high = float(values.min()), float(values.max())
    centre, width = (low + high + 1) / 2, high - low + 1
    if reader.HasMetaDataKey("0028|1051"):
        centre, width = (float(reader.GetMetaData(tag)) for tag in ("0028|1050", "0028|1051"))
    edges = centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2
    shown = SimpleITK.IntensityWindowing(SimpleITK.GetImageFromArray(values.astype(np.float64)), *edges, 0, 65535)
    return np.floor(SimpleITK.GetArrayFromImage(shown) + 0.5).astype(np.uint16)


def read(path):
    """(pixels as stored and not turned, reader), at full depth and with alpha."""
    data = path.read_bytes()
    if data[128:132] == b"DICM":  # first: the preamble of some says that they are TIFF files too
        return dicom(path), "SimpleITK"
    if data[:2] == b"\xff\xd8":
        return jpeg(data), "imagecodecs"
    if data[:4] == b"RIFF":
        return imagecodecs.webp_decode(data), "imagecodecs"
    if data[:2] in (b"II", b"MM"):
        return tiff(path), "tifffile"
    if data[:4] == b"\x89PNG" or data[:2] == b"BM" or data[:1] == b"P":
        return opencv(data), "OpenCV"
    return imagecodecs.jpeg2k_decode(data), "imagecodecs"


def rgb(pixels):
    """CONTRACTS 15: v / 257 rounded, alpha dropped, grey repeated."""
    if pixels.dtype == np.uint16:
        pixels = np.rint(pixels / 257).astype(np.uint8)
    if pixels.ndim == 3 and pixels.shape[2] < 3:
        pixels = pixels[..., 0]
    return np.repeat(pixels[..., None], 3, 2) if pixels.ndim == 2 else pixels[..., :3]


def rgba(pixels):
    """Grey repeated, alpha full where there is none: readers give the same picture in different forms."""
    pixels = np.repeat(pixels[..., None], 3, 2) if pixels.ndim == 2 else pixels
    full = np.full_like(pixels[..., :1], np.iinfo(pixels.dtype).max)
    return pixels if pixels.shape[2] == 4 else np.concatenate([pixels, full], 2)


def upper_bits(pixels, bits):
    return np.stack([pixels[..., c] >> (8 - b) for c, b in enumerate(bits)], -1)


def check_expected(folder):
    with open(HERE.parents[1] / "tests/odd_images/expected.csv", newline="", encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["crc32"]]
    same, problems = 0, []
    for row in rows:
        pixels, reader = read(folder / row["file"])
        pixels = np.ascontiguousarray(rgb(pixels))
        if pixels.shape[:2] != (int(row["height"]), int(row["width"])):
            problems.append(f"{row['file']}: expected.csv says {row['height']} x {row['width']}, {reader} {pixels.shape[:2]}")
        elif f"{zlib.crc32(pixels.tobytes()):08x}" == row["crc32"]:
            same += 1
        elif row["file"] not in BMP_FIELDS:
            problems.append(f"{row['file']}: {reader} has other pixels than expected.csv")
    print(f"expected.csv: {len(rows)} files, {same} with the same pixels, {len(BMP_FIELDS)} that the format leaves open, {len(problems)} problems")
    return problems


def check_packed(folder, packed):
    from packed_reader import PackedSet
    copies, same, deep, problems = 0, 0, 0, []
    for sample in PackedSet(packed).samples("train"):
        path = folder / sample.key
        if sample.image == path.read_bytes():
            copies += 1
            continue
        stored = imagecodecs.png_decode(sample.image) if sample.codec == "png" else jpeg(sample.image)
        wanted, reader = read(path)
        if sample.key in BMP_FIELDS:
            stored, wanted = (upper_bits(pixels, BMP_FIELDS[sample.key]) for pixels in (stored, wanted))
        stored, wanted = rgba(stored), rgba(wanted)
        if stored.shape != wanted.shape or stored.dtype != wanted.dtype:
            problems.append(f"{sample.key}: stored {stored.shape} {stored.dtype}, {reader} has {wanted.shape} {wanted.dtype}")
        elif not np.array_equal(stored, wanted):
            problems.append(f"{sample.key}: {int((stored != wanted).sum())} values differ from {reader}'s, by up to {np.abs(stored.astype(int) - wanted).max()}")
        else:
            same, deep = same + 1, deep + (stored.dtype == np.uint16)
    print(f"packed: {copies} copied byte for byte, {same} rewritten with the same values ({deep} of them 16 bits), {len(problems)} problems")
    return problems


def check_wavelet(path):
    """FFmpeg's JPEG 2000 against SimpleITK's (OpenJPEG), in stored samples."""
    import av
    import pydicom
    frame = next(pydicom.encaps.generate_frames(pydicom.dcmread(path).PixelData, number_of_frames=1))
    decoder = av.CodecContext.create("jpeg2000", "r")
    pictures = decoder.decode(av.Packet(frame)) + decoder.decode(None)
    values = pictures[0].to_ndarray().astype(int) - 32768  # FFmpeg has no signed grey
    steps = np.abs(values - SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))[0])
    print(f"{path.name}: FFmpeg differs from OpenJPEG in {int((steps > 0).sum())} of {steps.size} samples, by up to {steps.max()}")
    return [] if steps.max() <= 1 else [f"{path.name}: FFmpeg differs by {steps.max()}"]


def main():
    folder = Path(sys.argv[1])
    problems = check_expected(folder) + check_wavelet(folder / "dicom/JPEG2000.dcm")
    if len(sys.argv) > 2:
        problems += check_packed(folder, sys.argv[2])
    print("\n".join(problems) if problems else "the second readers agree")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
