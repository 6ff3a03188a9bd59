"""A packed data set read by h5py, zlib and Pillow alone, as src/data/FORMAT.md describes it: no code of ours."""

import io
import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
from PIL import Image


@dataclass
class Segment:
    original_id: int
    class_index: int
    iscrowd: int
    area: int
    bbox: list


@dataclass
class Sample:
    key: str
    image: bytes
    codec: str
    size: tuple  # height, width, upright
    source_size: tuple
    orientation: int
    flags: int
    mask: np.ndarray | None = None
    histogram: dict = field(default_factory=dict)
    label: int | None = None
    labels: list | None = None
    segments: list | None = None

    def pixels(self):
        """RGB as stored, upright."""
        return upright(rgb(Image.open(io.BytesIO(self.image))), self.orientation)


def upright(pixels, orientation):
    """EXIF 2.32, tag 0x0112: where row 0 and column 0 of the stored image belong."""
    return {1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1], 5: lambda a: a.swapaxes(0, 1),
            6: lambda a: np.rot90(a, -1), 7: lambda a: a[::-1, ::-1].swapaxes(0, 1), 8: lambda a: np.rot90(a, 1)}[orientation](pixels)


def rgb(image):
    """Eight-bit RGB by the rules of CONTRACTS 15: alpha dropped, grey repeated, 16 bit by v / 257, CMYK by the JPEG rule."""
    if image.mode in ("I", "I;16", "I;16B", "I;16L"):
        grey = np.rint(np.asarray(image).astype(np.float64) / 257).astype(np.uint8)
        return np.repeat(grey[..., None], 3, 2)
    if image.mode == "CMYK":
        inks = 255 - np.asarray(image).astype(np.float64)
        return np.rint(inks[..., :3] * inks[..., 3:] / 255).astype(np.uint8)
    if image.mode in ("RGBA", "RGBX", "LA"):
        image = Image.merge(image.mode[:-1], image.split()[:-1]) if image.mode != "LA" else image.split()[0]
    return np.asarray(image.convert("RGB"))


def shard_samples(path):
    """The samples of one shard; every CRC-32 is compared."""
    with h5py.File(path) as f:
        assert f.attrs["format"].decode() == "muster-shard" and f["payload"][:8].tobytes() == b"MUSTERS1", path
        index = {name: column[...] for name, column in f["index"].items()}
        codecs = {value: name for name, value in h5py.check_enum_dtype(f["index/image_codec"].dtype).items()}
        segments = {name: column[...] for name, column in f["segments"].items()} if "segments" in f else None

        def blob(kind, i):
            offset, size = int(index[kind + "_offset"][i]), int(index[kind + "_size"][i])
            data = f["payload"][offset : offset + size].tobytes()
            assert zlib.crc32(data) == index[kind + "_crc32"][i], f"{path}: CRC-32 of {kind} {i}"
            return data

        for i, key in enumerate(index["key"]):
            sample = Sample(key.decode(), blob("image", i), codecs[index["image_codec"][i]], (int(index["height"][i]), int(index["width"][i])),
                            (int(index["source_height"][i]), int(index["source_width"][i])), int(index["orientation"][i]), int(index["flags"][i]))
            if index["mask_size"][i]:
                dtype = "u1" if index["mask_dtype"][i] == 1 else "<u2"
                sample.mask = np.frombuffer(zlib.decompress(blob("mask", i)), dtype).reshape(sample.size)
            rows = slice(int(index["class_ptr"][i]), int(index["class_ptr"][i + 1]))
            sample.histogram = dict(zip(index["class_id"][rows].tolist(), index["class_pixels"][rows].tolist()))
            if "label" in index:
                sample.label = int(index["label"][i])
            if "labels_ptr" in index:
                sample.labels = index["labels"][int(index["labels_ptr"][i]) : int(index["labels_ptr"][i + 1])].tolist()
            if segments is not None:
                sample.segments = [Segment(int(segments["original_id"][k]), int(segments["class"][k]), int(segments["iscrowd"][k]),
                                           int(segments["area"][k]), segments["bbox"][k].tolist())
                                   for k in range(int(segments["ptr"][i]), int(segments["ptr"][i + 1]))]
            yield sample


class PackedSet:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.manifest = json.loads((self.folder / "manifest.json").read_text())
        self.task = self.manifest["task"]

    def splits(self):
        return list(self.manifest["splits"])

    def samples(self, split):
        """All samples in order of their ids; their keys are those of the joined index."""
        with h5py.File(self.folder / self.manifest["splits"][split]["index"]["file"]) as index:
            keys = [key.decode() for key in index["index/key"]]
            shards = index["index/shard"][...].tolist()
        number = 0
        for position, shard in enumerate(self.manifest["splits"][split]["shards"]):
            assert shard["first_index"] == number, shard
            for sample in shard_samples(self.folder / shard["file"]):
                assert (keys[number], shards[number]) == (sample.key, position), f"{shard['file']}: {sample.key} against the joined index"
                number += 1
                yield sample
        assert number == len(keys) == self.manifest["splits"][split]["num_samples"]

    def classes(self, split):
        """(ids, names, isthing) of the class list, empty without one."""
        with h5py.File(self.folder / self.manifest["splits"][split]["index"]["file"]) as f:
            if "classes" not in f:
                return [], [], []
            return f["classes/source_id"][...].tolist(), [name.decode() for name in f["classes/name"]], f["classes/isthing"][...].tolist()
