#!/usr/bin/env python3
"""Makes tests/image/fixtures/formats: a small file of every format that src/image reads, and beside each what it must decode to.

    python3 -m venv V && V/bin/pip install 'pillow<13' numpy && V/bin/python tests/image/make_fixtures.py

NAME.EXT is decoded to NAME_rgb.png. Where the file can hold labels, NAME_labels.png has the stored numbers. Everything is generated from a
formula (no photograph), so the files are CC0. What Pillow writes, Pillow also reads back here; what it cannot write is written by the
small writers below, straight from the formats' descriptions, and read back by Pillow wherever it can: a difference ends the script.
JPEG fixtures are those of tools/golden/make_resize_fixtures.py.
"""
import io
import pathlib
import struct

import numpy
from PIL import Image, ImageOps

OUT = pathlib.Path(__file__).resolve().parent / "fixtures" / "formats"
OUT.mkdir(parents=True, exist_ok=True)
for old in OUT.iterdir():
    old.unlink()
random = numpy.random.default_rng(6)
H, W = 21, 27  # odd, and no multiple of 8


def waves(height=H, width=W, top=255):
    """RGB: smooth, with an edge and some noise."""
    y, x = numpy.mgrid[0:height, 0:width].astype(float)
    planes = [0.5 + 0.47 * numpy.sin(x / (3.0 + c) + y / 7.0 + c) * numpy.cos(y / (5.0 + c)) for c in range(3)]
    image = numpy.stack(planes, axis=-1) + random.normal(0, 0.05, (height, width, 3))
    image[:, width // 2 :] = 1 - image[:, width // 2 :]
    return numpy.clip(numpy.rint(image * top), 0, top).astype(numpy.uint16 if top > 255 else numpy.uint8)


def rescaled(values, source, target):
    return (values.astype(numpy.uint64) * target + source // 2) // source


def to_8(values, top):
    """The rule of CONTRACTS 15: more than 8 bits through 16."""
    if top > 255:
        return rescaled(rescaled(values, top, 65535), 65535, 255).astype(numpy.uint8)
    return rescaled(values, top, 255).astype(numpy.uint8)


def rgb(values):
    return numpy.stack([values] * 3, axis=-1) if values.ndim == 2 else values[..., :3]


def png(name, values):
    Image.fromarray(numpy.ascontiguousarray(values)).save(OUT / name, optimize=True)


def pillow_reads(data):
    """As RGB of 8 bits, as stored (TIFF orientation is taken back)."""
    image = Image.open(io.BytesIO(data))
    if image.mode == "RGBA":
        return numpy.asarray(image)[..., :3]
    return numpy.asarray(image.convert("RGB"))


def keep(name, data, expected, labels=None, pillow=True):
    (OUT / name).write_bytes(data)
    stem = name.replace(".", "_")
    png(f"{stem}_rgb.png", expected)
    if labels is not None:
        png(f"{stem}_labels.png", labels)
    if pillow:
        seen = pillow_reads(data)
        assert seen.shape == expected.shape and (seen == expected).all(), (name, seen[0, :4], expected[0, :4])


def saved(image, format, **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


colour = waves()
grey = colour[..., 0].copy()
deep = waves(top=65535)
deep[0, :4, 0] = (0, 128, 129, 65535)  # 128 / 257 rounds down, 129 / 257 up
alpha = random.integers(0, 256, (H, W, 1)).astype(numpy.uint8)
rgba = numpy.concatenate([colour, alpha], axis=-1)
colours = numpy.concatenate([[[0, 0, 0], [255, 255, 255]], random.integers(0, 256, (254, 3))]).astype(numpy.uint8)


def indices(count):
    values = random.integers(0, count, (H, W)).astype(numpy.uint8)
    values[3:9, 4:20] = count - 1  # a run
    return values


def packed_rows(values, bits):
    """Each row a string of bits, highest first, filled up to bytes."""
    rows = []
    for row in values.reshape(values.shape[0], -1):
        text = "".join(format(int(v), f"0{bits}b") for v in row)
        text += "0" * (-len(text) % 8)
        rows.append(int(text, 2).to_bytes(len(text) // 8, "big"))
    return rows


# PNM ----------------------------------------------------------------------------------------------------------------------------
def text_of(values, per_line=7):
    words = [str(int(v)) for v in values.reshape(-1)]
    return "\n".join(" ".join(words[i : i + per_line]) for i in range(0, len(words), per_line)).encode() + b"\n"


ink = (grey < 128).astype(numpy.uint8)
paper = 1 - ink
keep("bits.pbm", b"P4\n# bits\n%d %d\n" % (W, H) + b"".join(packed_rows(ink, 1)), rgb(paper * 255), paper)
keep("plain.pbm", b"P1\n%d %d\n" % (W, H) + text_of(ink), rgb(paper * 255), paper)
keep("dense.pbm", b"P1 %d %d\n" % (W, H) + b"".join(b"".join(b"%d" % v for v in row) + b"\n" for row in ink), rgb(paper * 255), paper)
keep("plain.pgm", b"P2\n# text\n%d %d 255\n" % (W, H) + text_of(grey), rgb(grey), grey)
keep("plain.ppm", b"P3\n%d %d\n255\n" % (W, H) + text_of(colour), colour)
keep("deep.pgm", b"P5 %d %d 65535\n" % (W, H) + deep[..., 0].astype(">u2").tobytes(), rgb(to_8(deep[..., 0], 65535)), deep[..., 0], pillow=False)
keep("ten_bits.pgm", b"P5 %d %d 1023\n" % (W, H) + (deep[..., 0] >> 6).astype(">u2").tobytes(), rgb(to_8(deep[..., 0] >> 6, 1023)), deep[..., 0] >> 6, pillow=False)
keep("plain_deep.ppm", b"P3 %d %d 65535\n" % (W, H) + text_of(deep), to_8(deep, 65535), pillow=False)


# BMP ----------------------------------------------------------------------------------------------------------------------------
def bmp(rows, bits, palette=b"", compression=0, header=40, masks=(), top_down=False, core=False, data=None, used=0):
    """rows from the top, each as bytes; `data` = packed pixels instead."""
    if data is None:
        filled = [row + bytes(-len(row) % 4) for row in rows]
        data = b"".join(filled if top_down else filled[::-1])
    if core:
        dib = struct.pack("<IHHHH", 12, W, H, 1, bits)
    else:
        dib = struct.pack("<IiiHHIIiiII", header, W, -H if top_down else H, 1, bits, compression, len(data), 2835, 2835, used, 0)
        body = b"".join(struct.pack("<I", m) for m in masks)
        dib += body + bytes(max(0, header - len(dib) - len(body))) if header > 40 else body
    offset = 14 + len(dib) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + dib + palette + data


def quads(count):
    return b"".join(bytes((int(b), int(g), int(r), 0)) for r, g, b in colours[:count])


def rle(values, nibbles, stretch=5):
    """Runs, absolute stretches, one jump (over pixels of index 0) and end marks."""
    out = bytearray()
    for y, row in enumerate(values[::-1]):
        x = 0
        row = [int(v) for v in row]
        while x < W:
            if y == 5 and x == 2 and stretch == 5:  # jump over 5 pixels that are 0
                out += bytes((0, 2, 5, 0))
                x += 5
                continue
            run = 1
            while x + run < W and row[x + run] == row[x] and run < 250:
                run += 1
            if run >= 3 or W - x < stretch or y == 5:
                out += bytes((run, row[x] << 4 | row[x] if nibbles else row[x]))
                x += run
            else:
                part = row[x : x + min(stretch, W - x)]
                out += bytes((0, len(part)))
                if nibbles:
                    full = part + [0] * (-len(part) % 2)
                    body = bytes(full[i] << 4 | full[i + 1] for i in range(0, len(full), 2))
                else:
                    body = bytes(part)
                out += body + bytes(len(body) % 2)
                x += len(part)
        out += bytes((0, 0)) if y < H - 1 else b""
    return bytes(out + bytes((0, 1)))


for bits in (1, 4, 8):
    values = indices(2**bits)
    keep(f"palette_{bits}.bmp", bmp(packed_rows(values, bits), bits, quads(2**bits)), colours[values], values)
few = indices(200)
keep("palette_200.bmp", bmp(packed_rows(few, 8), 8, quads(200), used=200), colours[few], few)
two = indices(16)
keep("core_4.bmp", bmp(packed_rows(two, 4), 4, b"".join(quads(16)[i : i + 3] for i in range(0, 64, 4)), core=True), colours[two], two)
for bits in (4, 8):
    values = indices(2**bits)
    values[H - 1 - 5, 2:7] = 0
    for stretch in (5, 6):  # Pillow loses the last pixel of an odd stretch of RLE4, and its place at a jump
        data = bmp(None, bits, quads(2**bits), compression=3 - bits // 4, data=rle(values, bits == 4, stretch))
        keep(f"rle_{bits}_{stretch}.bmp", data, colours[values], values, pillow=stretch == 6)
bgr = colour[..., ::-1]
keep("colour_24.bmp", bmp([row.tobytes() for row in bgr], 24), colour)
keep("top_down_24.bmp", bmp([row.tobytes() for row in bgr], 24, top_down=True), colour)
filled = numpy.concatenate([bgr, alpha], axis=-1)
keep("colour_32.bmp", bmp([row.tobytes() for row in filled], 32), colour)
keep("alpha_32.bmp", bmp([row.tobytes() for row in filled], 32, compression=3, header=108, masks=(0xFF0000, 0xFF00, 0xFF, 0xFF000000)), colour)
for name, masks in (("555", (0x7C00, 0x3E0, 0x1F)), ("565", (0xF800, 0x7E0, 0x1F))):
    words = numpy.zeros((H, W), numpy.uint16)
    expected = numpy.zeros((H, W, 3), numpy.uint8)
    for c, mask in enumerate(masks):
        shift = (mask & -mask).bit_length() - 1
        top = mask >> shift
        part = colour[..., c].astype(numpy.uint32) * top // 255
        words |= (part << shift).astype(numpy.uint16)
        expected[..., c] = part * 255 // top
    rows = [row.tobytes() for row in words]
    keep(f"colour_{name}.bmp", bmp(rows, 16) if name == "555" else bmp(rows, 16, compression=3, masks=masks), expected)
ten = (deep >> 6).astype(numpy.uint32)
words = ten[..., 0] << 20 | ten[..., 1] << 10 | ten[..., 2]
keep("colour_10_10_10.bmp", bmp([row.astype("<u4").tobytes() for row in words], 32, compression=3, masks=(0x3FF00000, 0xFFC00, 0x3FF)),
     (ten * 255 // 1023).astype(numpy.uint8), pillow=False)


# TIFF ---------------------------------------------------------------------------------------------------------------------------
def tiff(values, bits, photometric, order="<", big=False, tile=0, planar=False, rows_per_strip=8, extra=(), more=0, **tags):
    """Uncompressed. values [H, W] or [H, W, samples]; tile: its side; `more`: further pages (the same one)."""
    values = values.reshape(H, W, -1)
    samples = values.shape[2]

    def row_bytes(part):
        if bits == 16:
            return part.astype(order + "u2").tobytes()
        if bits == 32:
            return part.astype(order + ("f4" if part.dtype.kind == "f" else "u4")).tobytes()
        return b"".join(packed_rows(part, bits))

    blocks = []
    for plane in [values[..., s : s + 1] for s in range(samples)] if planar else [values]:
        if tile:
            for top in range(0, H, tile):
                for left in range(0, W, tile):
                    whole = numpy.zeros((tile, tile, plane.shape[2]), plane.dtype)
                    part = plane[top : top + tile, left : left + tile]
                    whole[: part.shape[0], : part.shape[1]] = part
                    blocks.append(row_bytes(whole))
        else:
            blocks += [row_bytes(plane[top : top + rows_per_strip]) for top in range(0, H, rows_per_strip)]
    out = bytearray(struct.pack(order + "2sHHHQ", b"II" if order == "<" else b"MM", 43, 8, 0, 0) if big else
                    struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 0))
    places = []
    for block in blocks:
        places.append(len(out))
        out += block + bytes(len(block) % 2)
    entries = {256: (4, [W]), 257: (4, [H]), 258: (3, [bits] * samples), 259: (3, [1]), 262: (3, [photometric]), 277: (3, [samples]),
               284: (3, [2 if planar else 1])}
    if tile:
        entries |= {322: (4, [tile]), 323: (4, [tile]), 324: (4, places), 325: (4, [len(b) for b in blocks])}
    else:
        entries |= {273: (4, places), 278: (4, [rows_per_strip]), 279: (4, [len(b) for b in blocks])}
    if extra:
        entries[338] = (3, list(extra))
    for name, value in tags.items():
        entries[{"orientation": 274, "palette": 320, "subfile": 254, "sample_format": 339}[name]] = (4 if name == "subfile" else 3, list(value))
    patch = 8 if big else 4
    for page in range(more + 1):
        long = {}
        for tag, (kind, numbers) in sorted(entries.items()):
            body = struct.pack(order + str(len(numbers)) + {3: "H", 4: "I"}[kind], *numbers)
            if len(body) > (8 if big else 4):
                long[tag] = len(out)
                out += body + bytes(len(body) % 2)
        out[patch : patch + (8 if big else 4)] = struct.pack(order + ("Q" if big else "I"), len(out))
        out += struct.pack(order + ("Q" if big else "H"), len(entries))
        for tag, (kind, numbers) in sorted(entries.items()):
            body = struct.pack(order + str(len(numbers)) + {3: "H", 4: "I"}[kind], *numbers)
            width = 8 if big else 4
            field = struct.pack(order + ("Q" if big else "I"), long[tag]) if tag in long else body + bytes(width - len(body))
            out += struct.pack(order + ("HHQ" if big else "HHI"), tag, kind, len(numbers)) + field
        patch = len(out)
        out += bytes(8 if big else 4)
    return bytes(out)


keep("strips.tif", tiff(colour, 8, 2), colour)
keep("big_endian_16.tif", tiff(deep, 16, 2, order=">"), to_8(deep, 65535), pillow=False)
keep("bigtiff.tif", tiff(colour, 8, 2, big=True), colour)
keep("tiles.tif", tiff(colour, 8, 2, tile=16), colour)
keep("planar.tif", tiff(colour, 8, 2, planar=True), colour)
keep("planar_tiles_16.tif", tiff(deep, 16, 2, planar=True, tile=16), to_8(deep, 65535), pillow=False)
keep("alpha.tif", tiff(rgba, 8, 2, extra=[2]), colour)
for bits in (1, 2, 4, 8, 12, 16):
    top = 2**bits - 1
    values = rescaled(deep[..., 1], 65535, top).astype(numpy.uint16 if bits > 8 else numpy.uint8)
    keep(f"grey_{bits}.tif", tiff(values, bits, 1), rgb(to_8(values, top)), values, pillow=bits in (1, 4, 8))
keep("white_is_zero_1.tif", tiff(ink, 1, 0), rgb(paper * 255), paper)
keep("white_is_zero_8.tif", tiff(255 - grey, 8, 0), rgb(grey), grey)
for bits in (1, 4, 8):
    values = indices(2**bits)
    wide = [int(v) * 257 for v in colours[: 2**bits].T.reshape(-1)]
    keep(f"palette_{bits}.tif", tiff(values, bits, 3, palette=wide), colours[values], values)
keep("orientation_6.tif", tiff(colour, 8, 2, orientation=[6]), colour, pillow=False)  # Pillow turns it while reading
assert (numpy.asarray(ImageOps.exif_transpose(Image.open(OUT / "orientation_6.tif"))) == numpy.rot90(colour, 3)).all()
keep("pages.tif", tiff(grey, 8, 1, more=2), rgb(grey), grey)
inks = random.integers(0, 256, (H, W, 4)).astype(numpy.uint8)
keep("cmyk.tif", tiff(inks, 8, 5), numpy.asarray(Image.fromarray(inks, "CMYK").convert("RGB")))
(OUT / "lab.tif").write_bytes(tiff(colour, 8, 8))
(OUT / "float.tif").write_bytes(tiff(colour[..., 0].astype(numpy.float32), 32, 1, sample_format=[3]))
(OUT / "bands.tif").write_bytes(tiff(rgba, 8, 1))
(OUT / "preview.tif").write_bytes(tiff(colour, 8, 2, subfile=[1]))
for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "lzma"):
    data = saved(Image.fromarray(colour), "TIFF", compression=compression)
    keep(f"{compression}.tif", data, colour)
keep("group4.tif", saved(Image.fromarray(paper * 255).convert("1"), "TIFF", compression="group4"), rgb(paper * 255), paper)
data = saved(Image.fromarray(colour), "TIFF", compression="jpeg", quality=90)
keep("jpeg.tif", data, pillow_reads(data))
data = saved(Image.fromarray(colour).convert("YCbCr"), "TIFF", compression="tiff_lzw")
keep("ycbcr.tif", data, pillow_reads(data))

# WebP ---------------------------------------------------------------------------------------------------------------------------
exif = Image.Exif()
exif[0x0112] = 6
data = saved(Image.fromarray(colour), "WEBP", quality=80, exif=exif)
keep("lossy.webp", data, pillow_reads(data))
keep("lossless.webp", saved(Image.fromarray(rgba), "WEBP", lossless=True, exact=True), colour)
data = saved(Image.fromarray(rgba), "WEBP", quality=80, exact=True)
keep("lossy_alpha.webp", data, pillow_reads(data))
xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><tiff:Orientation>8</tiff:Orientation></x:xmpmeta>'
keep("xmp.webp", saved(Image.fromarray(colour), "WEBP", lossless=True, xmp=xmp), colour)
data = saved(Image.fromarray(colour), "WEBP", lossless=True, save_all=True, append_images=[Image.fromarray(255 - colour)], duration=40)
keep("animation.webp", data, colour)

# JPEG 2000 ----------------------------------------------------------------------------------------------------------------------
keep("grey.jp2", saved(Image.fromarray(grey), "JPEG2000"), rgb(grey))
keep("colour.jp2", saved(Image.fromarray(colour), "JPEG2000"), colour)
keep("alpha.jp2", saved(Image.fromarray(rgba), "JPEG2000"), colour)
keep("colour.j2k", saved(Image.fromarray(colour), "JPEG2000", no_jp2=True, tile_size=(16, 16)), colour)
keep("deep.jp2", saved(Image.fromarray(deep[..., 0]), "JPEG2000"), rgb(to_8(deep[..., 0], 65535)), pillow=False)
data = saved(Image.fromarray(colour), "JPEG2000", irreversible=True, quality_mode="rates", quality_layers=[4])
keep("lossy.jp2", data, pillow_reads(data))


# DICOM --------------------------------------------------------------------------------------------------------------------------
EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
RLE, JPEG, JPEG2000 = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90"


def element(tag, vr, body, order="<", implicit=False):
    body += (b"\0" if vr in ("UI", "OB") else b" ") * (len(body) % 2)
    head = struct.pack(order + "HH", tag >> 16, tag & 0xFFFF)
    if implicit:
        return head + struct.pack("<I", len(body)) + body
    if vr in ("OB", "OW", "SQ", "UN"):
        return head + vr.encode() + bytes(2) + struct.pack(order + "I", len(body)) + body
    return head + vr.encode() + struct.pack(order + "H", len(body)) + body


def fragments(pieces):
    out = struct.pack("<HH", 0x7FE0, 0x10) + b"OB" + bytes(2) + b"\xff\xff\xff\xff" + struct.pack("<HHI", 0xFFFE, 0xE000, 0)
    for piece in pieces:
        piece += bytes(len(piece) % 2)
        out += struct.pack("<HHI", 0xFFFE, 0xE000, len(piece)) + piece
    return out + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def dicom(pixels, syntax=EXPLICIT, photometric="MONOCHROME2", stored=None, signed=0, pieces=None, frames=None, planar=None, lut=None, **text):
    order = ">" if syntax == BIG else "<"
    implicit = syntax == IMPLICIT
    bits = pixels.dtype.itemsize * 8
    u16 = lambda v: struct.pack(order + "H", v)
    meta = element(0x00020010, "UI", syntax.encode())
    meta = element(0x00020000, "UL", struct.pack("<I", len(meta))) + meta
    elements = [(0x00280002, "US", u16(3 if photometric[0] in "RY" else 1)), (0x00280004, "CS", photometric.encode()),
                (0x00280010, "US", u16(H)), (0x00280011, "US", u16(W)), (0x00280100, "US", u16(bits)), (0x00280101, "US", u16(stored or bits)),
                (0x00280102, "US", u16((stored or bits) - 1)), (0x00280103, "US", u16(signed))]
    if frames:
        elements.append((0x00280008, "IS", str(frames).encode()))
    if planar is not None:
        elements.append((0x00280006, "US", u16(planar)))
    if lut:  # (first value, bits, entries)
        item = element(0x00283002, "US", struct.pack("<3H", len(lut[2]) % 65536, lut[0], lut[1])) + element(0x00283006, "US", lut[2].astype("<u2").tobytes())
        elements.append((0x00283010, "SQ", struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item))
    tags = {"centre": 0x00281050, "width": 0x00281051, "intercept": 0x00281052, "slope": 0x00281053, "function": 0x00281056}
    elements += [(tags[name], "CS" if name == "function" else "DS", str(value).encode()) for name, value in text.items()]
    body = b"".join(element(tag, vr, data, order, implicit) for tag, vr, data in sorted(elements))
    if pieces is None:
        data = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
        body += element(0x7FE00010, "OW" if bits == 16 or implicit else "OB", data, order, implicit)
    else:
        body += fragments(pieces)
    return bytes(128) + b"DICM" + meta + body


def packbits(plane):
    """One segment: literal stretches only, but one run."""
    data = plane.tobytes()
    out = bytearray()
    for at in range(0, len(data), 100):
        part = data[at : at + 100]
        out += bytes((len(part) - 1,)) + part
    return bytes(out + b"\x80" * (len(out) % 2))


def rle_frame(planes):
    segments = [packbits(p) for p in planes]
    places = [64]
    for segment in segments[:-1]:
        places.append(places[-1] + len(segment))
    return struct.pack("<16I", len(segments), *(places + [0] * (15 - len(places)))) + b"".join(segments)


def windowed(values, centre, width, top, function="LINEAR"):
    x = values.astype(float)
    if function == "SIGMOID":
        unit = 1 / (1 + numpy.exp(-4 * (x - centre) / width))
    elif function == "LINEAR_EXACT":
        unit = numpy.clip((x - centre) / width + 0.5, 0, 1)
    else:
        unit = numpy.clip((x - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)
    return numpy.floor(unit * top + 0.5).astype(numpy.uint16)


scan = (deep[..., 0] >> 4).astype(numpy.int16) - 2048  # 12 bits with sign
hounsfield = scan.astype(float) * 1.5 - 100
keep("ct.dcm", dicom(scan, stored=12, signed=1, slope=1.5, intercept=-100, centre=40, width=400),
     rgb(to_8(windowed(hounsfield, 40, 400, 65535), 65535)), pillow=False)
keep("ct_big_endian.dcm", dicom(scan, BIG, stored=16, signed=1, centre="40\\50", width="400\\500", function="LINEAR_EXACT"),
     rgb(to_8(windowed(scan, 40, 400, 65535, "LINEAR_EXACT"), 65535)), pillow=False)
keep("sigmoid.dcm", dicom(scan, stored=16, signed=1, centre=40, width=400, function="SIGMOID"),
     rgb(to_8(windowed(scan, 40, 400, 65535, "SIGMOID"), 65535)), pillow=False)
twelve = (deep[..., 1] >> 4).astype(numpy.uint16)
low, high = int(twelve.min()), int(twelve.max())
spread = numpy.floor((twelve - low) / (high - low) * 65535 + 0.5).astype(numpy.uint16)
keep("no_window.dcm", dicom(twelve, IMPLICIT, stored=12), rgb(to_8(spread, 65535)), pillow=False)
table = random.integers(0, 4096, 1000).astype(numpy.uint16)
looked_up = rescaled(table[numpy.clip(twelve.astype(int) - 700, 0, 999)], 4095, 65535)
keep("table.dcm", dicom(twelve, stored=12, lut=(700, 12, table)), rgb(to_8(looked_up, 65535)), pillow=False)
keep("inverted.dcm", dicom(255 - grey, photometric="MONOCHROME1"), rgb(grey), pillow=False)
keep("colour.dcm", dicom(colour, photometric="RGB", planar=0), colour, pillow=False)
keep("planes.dcm", dicom(numpy.moveaxis(colour, -1, 0).copy(), photometric="RGB", planar=1), colour, pillow=False)
ybr = random.integers(0, 256, (H, W, 3)).astype(numpy.uint8)
y, cb, cr = (ybr[..., c].astype(float) - (128 if c else 0) for c in range(3))
ybr_rgb = numpy.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], axis=-1)
keep("ybr.dcm", dicom(ybr, photometric="YBR_FULL", planar=0), numpy.clip(numpy.floor(ybr_rgb + 0.5), 0, 255).astype(numpy.uint8), pillow=False)
keep("frames.dcm", dicom(numpy.stack([grey, 255 - grey, grey]), frames=3), rgb(grey), pillow=False)
keep("rle_8.dcm", dicom(grey, RLE, pieces=[rle_frame([grey])]), rgb(grey), pillow=False)
keep("rle_colour.dcm", dicom(colour, RLE, photometric="RGB", planar=1, pieces=[rle_frame([colour[..., c].copy() for c in range(3)])]), colour, pillow=False)
codestream = saved(Image.fromarray(twelve << 4), "JPEG2000", no_jp2=True)
keep("jpeg2000.dcm", dicom(twelve, JPEG2000, pieces=[codestream[:300], codestream[300:]], centre=32000, width=50000),
     rgb(to_8(windowed(twelve << 4, 32000, 50000, 65535), 65535)), pillow=False)
codestream = saved(Image.fromarray(colour), "JPEG2000", no_jp2=True)
keep("jpeg2000_colour.dcm", dicom(colour, JPEG2000, photometric="YBR_RCT", planar=0, pieces=[codestream]), colour, pillow=False)
data = saved(Image.fromarray(colour), "JPEG", quality=90)
keep("jpeg.dcm", dicom(colour, JPEG, photometric="YBR_FULL_422", planar=0, pieces=[data]), pillow_reads(data), pillow=False)
(OUT / "jpeg_lossless.dcm").write_bytes(dicom(grey, "1.2.840.10008.1.2.4.70", pieces=[b"\xff\xd8\xff\xd9"]))
(OUT / "palette.dcm").write_bytes(dicom(grey, photometric="PALETTE COLOR"))

print(sum(f.stat().st_size for f in OUT.iterdir()), "bytes in", len(list(OUT.iterdir())), "files")
