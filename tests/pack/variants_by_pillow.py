"""max_side, strip_metadata and append as Pillow and h5py see them: variants_by_pillow.py BUILD/bin/muster

max_side must be Pillow's own bicubic to the last bit, masks its nearest; strip_metadata must leave the pixels alone.
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
from PIL import Image, PngImagePlugin

SECRET = "taken at home"


def picture(rng, height, width, mode="RGB"):
    smooth = Image.fromarray(rng.integers(0, 256, (height // 4 + 2, width // 4 + 2, 3), np.uint8)).resize((width, height), Image.BICUBIC)
    return smooth.convert(mode)


def make_sources(root, rng):
    """key -> (image as Pillow decodes it, mask)"""
    expected = {}

    def add(name, image, **how):
        path = root / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, **how)
        mask = np.kron(rng.integers(0, 3, (image.height // 5 + 1, image.width // 5 + 1)), np.ones((5, 5)))[: image.height, : image.width]
        target = root / "masks" / (path.stem + ".png")
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask.astype(np.uint8)).save(target)
        expected[name] = (np.asarray(Image.open(path).convert("RGB")), mask.astype(np.uint8))

    exif = Image.Exif()
    exif[0x010E] = SECRET
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", SECRET)
    text.add_itxt("Author", SECRET)
    add("wide.jpg", picture(rng, 90, 200), quality=92, exif=exif, comment=SECRET)
    add("tall.jpg", picture(rng, 333, 77), quality=80, subsampling=0, exif=exif, progressive=True)
    add("small.jpg", picture(rng, 40, 60), quality=90, exif=exif, icc_profile=SECRET.encode() * 40)
    add("flat.png", picture(rng, 130, 131), pnginfo=text, exif=exif)
    add("grey.png", picture(rng, 97, 150, "L"), pnginfo=text)
    add("cmyk.jpg", picture(rng, 30, 50, "CMYK"), quality=95, exif=exif)
    (root / "classes.json").write_text(json.dumps({"classes": {"0": "a", "1": "b", "2": "c"}}))
    return expected


def pack(root, out, *more):
    words = ["pack", "task=semantic_segmentation", f"images={root / 'images'}", f"masks={root / 'masks'}", f"classes={root / 'classes.json'}",
             "split=val", f"out={root / out}", *more]
    done = subprocess.run([sys.argv[1], *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((root / out / "manifest.json").read_text())


def samples(root, out, manifest):
    for shard in manifest["splits"]["val"]["shards"]:
        with h5py.File(root / out / shard["file"]) as f:
            index, payload = f["index"], f["payload"]
            for i in range(len(index["key"])):
                row = {name: index[name][i] for name in ("height", "width", "source_height", "source_width", "flags", "channels")}
                image = payload[index["image_offset"][i] : index["image_offset"][i] + index["image_size"][i]].tobytes()
                mask = payload[index["mask_offset"][i] : index["mask_offset"][i] + index["mask_size"][i]].tobytes()
                labels = np.frombuffer(zlib.decompress(mask), np.uint8).reshape(row["height"], row["width"])
                yield index["key"][i].decode(), row, image, labels


def check_max_side(root, expected, side):
    manifest = pack(root, "small", f"max_side={side}")
    assert manifest["max_side"] == side
    for key, row, stored, labels in samples(root, "small", manifest):
        pixels, mask = expected[key]
        height, width = mask.shape
        assert (row["source_height"], row["source_width"]) == (height, width)
        if max(height, width) <= side:
            assert stored == (root / "images" / key).read_bytes() and np.array_equal(labels, mask), key
            continue
        new = (max(1, round(height * side / max(height, width))), max(1, round(width * side / max(height, width))))
        assert (row["height"], row["width"]) == new and row["flags"] & 4, key
        wanted = Image.fromarray(pixels).resize(new[::-1], Image.BICUBIC)
        got = Image.open(io.BytesIO(stored))
        if key.endswith(".png"):
            assert np.array_equal(np.asarray(got), np.asarray(wanted)), key
        else:
            again = io.BytesIO()
            wanted.save(again, "JPEG", quality=95, subsampling="4:2:0")
            difference = np.abs(np.asarray(got, int) - np.asarray(Image.open(again), int)).max()
            assert got.format == "JPEG" and difference <= 2, (key, difference)
        assert np.array_equal(labels, np.asarray(Image.fromarray(mask).resize(new[::-1], Image.NEAREST))), key


def check_stripped(root, expected):
    plain = pack(root, "plain")
    manifest = pack(root, "stripped", "strip_metadata=true")
    assert manifest["strip_metadata"] is True and "strip_metadata" not in plain
    bytes_before = b"".join(p.read_bytes() for p in (root / "plain").glob("*.h5"))
    assert SECRET.encode() in bytes_before
    for path in (root / "stripped").iterdir():
        assert SECRET.encode() not in path.read_bytes(), path
    seen = 0
    for key, row, stored, labels in samples(root, "stripped", manifest):
        image = Image.open(io.BytesIO(stored))
        assert not image.getexif() and "comment" not in image.info and "Comment" not in image.info and "icc_profile" not in image.info, key
        assert np.array_equal(np.asarray(image.convert("RGB")), expected[key][0]) and np.array_equal(labels, expected[key][1]), key
        assert row["flags"] & 4, key
        seen += 1
    assert seen == len(expected)


def check_appended(root, rng):
    before = {path.name: path.read_bytes() for path in (root / "plain").glob("val-*.h5")}
    parent = json.loads((root / "plain" / "manifest.json").read_text())
    picture(rng, 50, 60).save(root / "images" / "later.png")
    Image.fromarray(np.ones((50, 60), np.uint8)).save(root / "masks" / "later.png")
    child = pack(root, "plain", "append=true")
    assert child["generation"] == 1 and child["parent_fingerprint"] and not parent["parent_fingerprint"]
    keys = [key for key, *_ in samples(root, "plain", child)]
    assert keys[-1] == "later.png" and len(keys) == parent["splits"]["val"]["num_samples"] + 1
    for name, content in before.items():
        assert (root / "plain" / name).read_bytes() == content, name
    with h5py.File(root / "plain" / child["splits"]["val"]["index"]["file"]) as index:
        assert [key.decode() for key in index["index/key"]] == keys


def main():
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        rng = np.random.default_rng(3)
        expected = make_sources(root, rng)
        check_max_side(root, expected, 100)
        check_stripped(root, expected)
        check_appended(root, rng)
    print(f"{len(expected)} images in three forms are what Pillow makes of them")


if __name__ == "__main__":
    main()
