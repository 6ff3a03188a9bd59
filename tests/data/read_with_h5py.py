"""Reads a packed data set with h5py, Pillow and zlib alone, as src/data/FORMAT.md describes it, and checks every pixel.

usage: read_with_h5py.py PATH-TO-write_tiny_dataset
"""

import io
import json
import pathlib
import subprocess
import sys
import tempfile
import zlib

import h5py
import numpy as np
from PIL import Image


def tiny_sample(number):
    """The formula of tests/data/tiny_dataset.cpp: upright pixels [H, W, 3] and labels [H, W]."""
    height, width = 8 + number % 3, 9 + number % 2 * 2
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    pixels = ((7 * number + 16 * y + 3 * x + 80 * c) % 256).astype(np.uint8)
    labels = ((number + y[..., 0] // 3 + x[..., 0] // 4) % 3).astype(np.uint8)
    labels[0, 0] = 255
    return pixels, labels


def blob(shard, index, kind, i):
    offset, size = int(index[kind + "_offset"][i]), int(index[kind + "_size"][i])
    data = shard["payload"][offset : offset + size].tobytes()
    assert zlib.crc32(data) == index[kind + "_crc32"][i], (kind, i)
    return data


def check_shard(path, entry):
    with h5py.File(path) as shard:
        attributes = {name: text.decode() if isinstance(text, bytes) else text for name, text in shard.attrs.items()}
        assert attributes["format"] == "muster-shard" and list(attributes["format_version"]) == [1, 0]
        assert attributes["shard_uuid"] == entry["uuid"] and attributes["ignore_index"] == 255
        assert attributes["payload_address"] == entry["payload_address"] == shard["payload"].id.get_offset()
        assert shard["payload"][:8].tobytes() == b"MUSTERS1"
        assert shard["payload"][16:32].tobytes().hex() == entry["uuid"]
        assert [name.decode() for name in shard["classes/name"]] == ["field", "house", "lake"]
        assert list(shard["classes/source_id"]) == [0, 4, 9] and shard["classes/color"].shape == (3, 3)
        index = shard["index"]
        codecs = h5py.check_enum_dtype(index["image_codec"].dtype)
        assert codecs == {"none": 0, "jpeg": 1, "png": 2, "zlib_raw": 3, "zstd_raw": 4, "webp": 5}
        for i in range(entry["num_samples"]):
            pixels, labels = tiny_sample(entry["first_index"] + i)
            picture = np.asarray(Image.open(io.BytesIO(blob(shard, index, "image", i))))
            assert picture.shape[:2] == (index["source_height"][i], index["source_width"][i])
            if index["orientation"][i] == 6:
                picture = np.rot90(picture, -1)  # clockwise
            mask = np.frombuffer(zlib.decompress(blob(shard, index, "mask", i)), "u1")
            mask = mask.reshape(index["height"][i], index["width"][i])
            assert np.array_equal(picture, pixels) and np.array_equal(mask, labels), i
            begin, end = index["class_ptr"][i], index["class_ptr"][i + 1]
            histogram = dict(zip(index["class_id"][begin:end].tolist(), index["class_pixels"][begin:end].tolist()))
            assert histogram == {k: int((labels == k).sum()) for k in range(3) if (labels == k).any()}
            assert index["image_offset"][i] % 16 == 0 and index["mask_offset"][i] % 16 == 0


def main():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.argv[1], folder], check=True)
        manifest = json.loads((pathlib.Path(folder) / "manifest.json").read_text())
        split = manifest["splits"]["train"]
        assert [entry["first_index"] for entry in split["shards"]] == [0, 3, 7] and split["num_samples"] == 11
        for entry in split["shards"]:
            check_shard(pathlib.Path(folder) / entry["file"], entry)
        with h5py.File(pathlib.Path(folder) / "index-train.h5") as index:
            assert index.attrs["format"] == b"muster-index" and index.attrs["fingerprint"].decode() == split["fingerprint"]
            assert list(index["index/shard"]) == [0] * 3 + [1] * 4 + [2] * 4
            assert index["index/key"][10].decode() == "folder 0/image-010.png"
    print("11 samples in 3 shards agree")


if __name__ == "__main__":
    main()
