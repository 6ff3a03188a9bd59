"""Packs a set made with Pillow and reads it back with plain h5py, zlib and Pillow: no code of ours looks at the files.

h5py_roundtrip.py PACK_FOLDER      (the program built from pack_folder.cpp)
"""

import io
import json
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

CLASSES = {0: "sky", 3: "straße", 300: "far"}
VOID = [255, 9]
DENSE = {0: 0, 3: 1, 300: 2, 255: 255, 9: 255}
EXIF_ORIENTATION = 0x0112


def picture(rng, height, width, mode="RGB"):
    channels = {"RGB": 3, "RGBA": 4, "L": 1, "CMYK": 4}[mode]
    smooth = rng.integers(0, 255, (height // 8 + 1, width // 8 + 1, channels)).repeat(8, 0).repeat(8, 1)[:height, :width]
    if mode == "CMYK":
        return Image.frombytes(mode, (width, height), smooth.astype(np.uint8).tobytes())
    return Image.fromarray(np.squeeze(smooth.astype(np.uint8)))


def make_sources(root, rng):
    """Returns {key: (path, mask values, EXIF value that readers must apply)}."""
    images, masks = root / "images", root / "masks"
    (images / "sub").mkdir(parents=True)
    (masks / "sub").mkdir(parents=True)
    expected = {}

    def add(name, image, orientation=1, mask_size=None, **save):
        image.save(images / name, **save)
        height, width = mask_size or (image.height, image.width)
        sixteen_bit = name.startswith("deep")
        values = rng.choice([v for v in DENSE if sixteen_bit or v < 256], (height // 4 + 1, width // 4 + 1))
        values = values.repeat(4, 0).repeat(4, 1)[:height, :width]
        mask = Image.fromarray(values.astype(np.uint16)) if sixteen_bit else Image.fromarray(values.astype(np.uint8))
        if name.startswith("palette"):
            mask = mask.convert("L")
            mask.putpalette([255 - i // 3 for i in range(768)])
        mask.save(masks / (str(Path(name).with_suffix(".png")) if "keep" not in name else name + ".png"))
        expected[name] = (images / name, values, orientation)

    turned = Image.Exif()
    turned[EXIF_ORIENTATION] = 6
    add("a.jpg", picture(rng, 40, 56), quality=90)
    add("sub/ä b.jpg", picture(rng, 33, 47), quality=80)
    add("progressive.jpg", picture(rng, 64, 48), quality=90, progressive=True)
    add("turned.jpg", picture(rng, 32, 48), orientation=6, mask_size=(48, 32), exif=turned)
    add("unturned.jpg", picture(rng, 32, 48), orientation=1, mask_size=(32, 48), exif=turned)
    add("grey.jpg", picture(rng, 24, 24, "L"))
    add("cmyk.jpg", picture(rng, 24, 40, "CMYK"), quality=95)
    add("palette_mask.png", picture(rng, 20, 30))
    add("alpha.png", picture(rng, 20, 31, "RGBA"))
    add("deep.jpg", picture(rng, 28, 36))
    add("portable.ppm", picture(rng, 17, 19))
    add("keep.jpeg", picture(rng, 16, 16))
    (root / "classes.yaml").write_text(
        "classes:\n" + "".join(f"  {i}: {n}\n" for i, n in CLASSES.items()) + f"ignore_classes: {VOID}\n", encoding="utf-8"
    )
    return expected


def check_shard(path, expected, seen):
    with h5py.File(path) as f:
        assert f.attrs["format"].decode() == "muster-shard" and list(f.attrs["format_version"]) == [1, 0]
        assert f.attrs["task"].decode() == "semantic_segmentation" and f.attrs["split"].decode() == "val"
        assert f["payload"].id.get_offset() == f.attrs["payload_address"]
        assert f["payload"][:8].tobytes() == b"MUSTERS1"
        assert [n.decode() for n in f["classes/name"]] == list(CLASSES.values())
        assert list(f["classes/source_id"]) == list(CLASSES)
        index = f["index"]
        codec = {v: k for k, v in h5py.check_enum_dtype(index["image_codec"].dtype).items()}

        def blob(kind, i):
            offset, size = int(index[kind + "_offset"][i]), int(index[kind + "_size"][i])
            assert offset % 16 == 0
            data = f["payload"][offset : offset + size].tobytes()
            assert zlib.crc32(data) == index[kind + "_crc32"][i]
            return data

        for i, key in enumerate(index["key"]):
            key = key.decode()
            source, values, orientation = expected[key]
            stored, original = blob("image", i), source.read_bytes()
            copied = key not in ("progressive.jpg", "portable.ppm")
            assert (stored == original) == copied, key
            assert codec[index["image_codec"][i]] == ("png" if key.endswith(("png", "ppm")) else "jpeg")
            now, before = Image.open(io.BytesIO(stored)), Image.open(source)
            assert now.mode == before.mode and np.array_equal(np.asarray(now), np.asarray(before)), key
            assert not now.info.get("progressive")
            height, width = values.shape
            assert (index["height"][i], index["width"][i]) == (height, width)
            assert (index["source_height"][i], index["source_width"][i]) == (before.height, before.width)
            assert index["orientation"][i] == orientation, key
            flags = int(index["flags"][i])
            assert bool(flags & 1) == (key == "cmyk.jpg") and bool(flags & 2) == (key == "progressive.jpg")
            assert bool(flags & 4) == (not copied) and bool(flags & 8) == (key == "alpha.png")
            assert index["mask_dtype"][i] == 1
            mask = np.frombuffer(zlib.decompress(blob("mask", i)), "u1").reshape(height, width)
            wanted = np.vectorize(DENSE.get)(values)
            assert np.array_equal(mask, wanted), key
            begin, end = index["class_ptr"][i], index["class_ptr"][i + 1]
            counts = {c: n for c, n in enumerate(np.bincount(wanted.ravel(), minlength=3)[:3]) if n}
            assert dict(zip(index["class_id"][begin:end], index["class_pixels"][begin:end])) == counts, key
            seen.append(key)


def check_statistics(manifest, expected):
    stats = manifest["splits"]["val"]["stats"]
    plain = [np.asarray(Image.open(path).convert("RGB"), np.float64) for key, (path, _, _) in expected.items() if key != "cmyk.jpg"]
    pixels = sum(a.shape[0] * a.shape[1] for a in plain) + 24 * 40
    assert stats["pixels"] == pixels
    # Pillow's CMYK rule differs from ours, so that picture is left out and its share allowed for.
    flat = np.concatenate([a.reshape(-1, 3) for a in plain]) / 255
    slack = 24 * 40 / pixels
    assert np.abs(flat.mean(0) - stats["mean"]).max() < slack and np.abs(flat.std(0) - stats["std"]).max() < slack
    values = np.concatenate([v.ravel() for _, v, _ in expected.values()])
    assert stats["class_pixels"] == [int((values == i).sum()) for i in CLASSES]


def main():
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        expected = make_sources(root, np.random.default_rng(5))
        for out in ("packed", "again"):
            subprocess.run(
                [sys.argv[1], root / "images", root / "masks", root / "classes.yaml", root / out, "auto"], check=True
            )
        manifest = json.loads((root / "packed/manifest.json").read_text(encoding="utf-8"))
        shards = manifest["splits"]["val"]["shards"]
        seen = []
        for shard in shards:
            assert shard["first_index"] == len(seen)
            check_shard(root / "packed" / shard["file"], expected, seen)
        assert len(shards) > 1
        assert seen == sorted(expected, key=str.encode)
        with h5py.File(root / "packed/index-val.h5") as index:
            assert [k.decode() for k in index["index/key"]] == seen
        check_statistics(manifest, expected)
        files = sorted(p.name for p in (root / "packed").iterdir())
        assert files == sorted(["manifest.json", "index-val.h5"] + [s["file"] for s in shards]), files
        for name in files:
            assert (root / "packed" / name).read_bytes() == (root / "again" / name).read_bytes(), name
    print(f"{len(seen)} samples in {len(shards)} shards read back")


if __name__ == "__main__":
    main()
