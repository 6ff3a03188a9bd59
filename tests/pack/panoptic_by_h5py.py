"""Panoptic packs against an independent reading of their sources: numpy, Pillow and json on one side, h5py and zlib on the other, pixel by
pixel and segment by segment. No code of ours looks at either.

panoptic_by_h5py.py MUSTER                                       packs a made set with everything odd, and datasets/panoptic_nuclei/sample
panoptic_by_h5py.py --compare PACKED SPLIT ANNOTATIONS MASKS     compares a set that is packed already
"""

import json
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

SOURCE = Path(__file__).resolve().parents[2]


class Coco:
    """What the annotations and the PNGs say. Segments without a pixel do not count."""

    def __init__(self, annotations, masks):
        tree = json.loads(Path(annotations).read_text(encoding="utf-8"))
        self.categories = sorted(tree["categories"], key=lambda category: category["id"])
        self.dense = {category["id"]: k for k, category in enumerate(self.categories)}
        names = {image["id"]: image["file_name"] for image in tree["images"]}
        self.samples = {}
        for annotation in tree["annotations"]:
            rgb = np.asarray(Image.open(Path(masks) / annotation["file_name"]).convert("RGB")).astype(np.uint32)
            ids = rgb[..., 0] + (rgb[..., 1] << 8) + (rgb[..., 2] << 16)
            present = set(np.unique(ids).tolist())
            segments = [info for info in annotation["segments_info"] if info["id"] in present]
            assert present - {0} <= {info["id"] for info in segments}
            self.samples[names[annotation["image_id"]]] = ids, segments


def box(where):
    rows, columns = np.flatnonzero(where.any(1)), np.flatnonzero(where.any(0))
    return [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]


def compare_sample(f, i, ids, segments, dense):
    index, table = f["index"], f["segments"]
    begin, end = (int(p) for p in table["ptr"][i : i + 2])
    assert end - begin == len(segments), (end - begin, len(segments))
    offset, size = int(index["mask_offset"][i]), int(index["mask_size"][i])
    stored = f["payload"][offset : offset + size].tobytes()
    assert zlib.crc32(stored) == index["mask_crc32"][i]
    dtype = index["mask_dtype"][i]
    assert dtype == (1 if len(segments) <= 255 else 2)
    local = np.frombuffer(zlib.decompress(stored), "u1" if dtype == 1 else "<u2").reshape(index["height"][i], index["width"][i])
    assert local.shape == ids.shape
    original = np.concatenate([[0], table["original_id"][begin:end]]).astype(np.uint32)
    assert np.array_equal(original[local], ids), int((original[local] != ids).sum())
    counts = {}
    for k, info in enumerate(segments):
        row, where = begin + k, ids == info["id"]
        assert table["original_id"][row] == info["id"]  # in the order of the file
        assert table["class"][row] == dense[info["category_id"]]
        assert table["iscrowd"][row] == info.get("iscrowd", 0)
        assert table["area"][row] == where.sum() == (local == k + 1).sum()
        assert table["bbox"][row].tolist() == box(where), (table["bbox"][row], box(where))
        counts[dense[info["category_id"]]] = counts.get(dense[info["category_id"]], 0) + int(where.sum())
    entries = slice(int(index["class_ptr"][i]), int(index["class_ptr"][i + 1]))
    assert dict(zip(index["class_id"][entries].tolist(), index["class_pixels"][entries].tolist())) == counts
    return counts


def segments_crc32(table, begin, end):
    """FORMAT.md: eight 32-bit numbers a row."""
    rows = zip(table["original_id"], table["class"], table["iscrowd"], table["area"], table["bbox"])
    packed = [struct.pack("<IiIIiiii", o, c, w, a, *b) for k, (o, c, w, a, b) in enumerate(rows) if begin <= k < end]
    return zlib.crc32(b"".join(packed))


def compare(packed, split, annotations, masks, missing=()):
    """Returns samples and segments that agree; raises where one does not."""
    coco = Coco(annotations, masks)
    manifest = json.loads((Path(packed) / "manifest.json").read_text(encoding="utf-8"))
    entry = manifest["splits"][split]
    assert manifest["task"] == "panoptic_segmentation" and manifest["ignore_index"] == 0
    classes = manifest["classes"]["list"]
    assert [(c["id"], c["name"], c["isthing"]) for c in classes] == [(c["id"], c["name"], c["isthing"]) for c in coco.categories]
    pixels, images, seen = np.zeros(len(classes), int), np.zeros(len(classes), int), []
    class_segments, joined = np.zeros(len(classes), int), []
    for shard in entry["shards"]:
        with h5py.File(Path(packed) / shard["file"]) as f:
            assert f.attrs["task"].decode() == "panoptic_segmentation" and f.attrs["ignore_index"] == 0
            assert f["classes/source_id"][...].tolist() == [c["id"] for c in coco.categories]
            assert f["classes/isthing"][...].tolist() == [c["isthing"] for c in coco.categories]
            assert "label" not in f["index"] and "labels_ptr" not in f["index"]
            assert f["segments/bbox"].shape == (f["segments/area"].shape[0], 4) and f["segments/ptr"].dtype == np.uint64
            for i, key in enumerate(f["index/key"]):
                for c, count in compare_sample(f, i, *coco.samples[key.decode()], coco.dense).items():
                    pixels[c] += count
                    images[c] += 1
                seen.append(key.decode())
            np.add.at(class_segments, f["segments/class"][...], 1)
            joined.append({name: column[...] for name, column in f["segments"].items()})
    assert sorted(seen) == sorted(set(coco.samples) - set(missing)), set(seen) ^ set(coco.samples)
    stats = entry["stats"]
    assert stats["class_pixels"] == pixels.tolist() and stats["class_images"] == images.tolist()
    assert stats["class_segments"] == class_segments.tolist()
    with h5py.File(Path(packed) / entry["index"]["file"]) as f:
        assert [key.decode() for key in f["index/key"]] == seen
        for name in ("original_id", "class", "iscrowd", "area", "bbox"):
            assert np.array_equal(f["segments"][name][...], np.concatenate([part[name] for part in joined])), name
        sizes = np.concatenate([np.diff(part["ptr"].astype(np.int64)) for part in joined])
        assert np.array_equal(f["segments/ptr"][...], np.concatenate([[0], np.cumsum(sizes)]))
        table = {name: column[...] for name, column in f["segments"].items()}
        try:
            import xxhash  # where the environment has it
        except ImportError:
            pass
        else:
            digest = xxhash.xxh3_128()
            for i, key in enumerate(seen):
                numbers = [f["index"][name][i] for name in ("image_size", "image_crc32", "mask_crc32")]
                digest.update(key.encode() + b"\0" + struct.pack("<4I", *numbers, segments_crc32(table, table["ptr"][i], table["ptr"][i + 1])))
            assert digest.hexdigest() == entry["fingerprint"]
    return len(seen), len(table["area"])


# --- a set with everything odd -------------------------------------------------------------------------------------------------

CATEGORIES = [
    {"id": 200, "name": "rug-merged", "isthing": 0}, {"id": 1, "name": "person", "isthing": 1, "color": [220, 20, 60]},
    {"id": 51, "name": "Schüssel", "isthing": 1}, {"id": 65534, "name": "last", "isthing": 0},
]


def save_mask(path, ids):
    Image.fromarray(np.stack([ids & 255, ids >> 8 & 255, ids >> 16 & 255], -1).astype(np.uint8)).save(path)


def make_odd_set(root, rng):
    (root / "images/sub").mkdir(parents=True)
    (root / "masks/sub").mkdir(parents=True)
    images, annotations = [], []

    def add(name, ids, **save):
        height, width = ids.shape
        stored = save.pop("stored", (height, width))
        Image.fromarray(rng.integers(0, 255, (*stored, 3), np.uint8)).save(root / "images" / name, **save)
        mask = str(Path(name).with_suffix(".png"))
        save_mask(root / "masks" / mask, ids)
        infos = []
        for number in np.unique(ids[ids > 0]).tolist():
            infos.append({"id": number, "category_id": CATEGORIES[number % 4]["id"], "iscrowd": int(number % 5 == 0),
                          "area": int((ids == number).sum()), "bbox": [int(v) for v in box(ids == number)]})
        infos.reverse()
        images.append({"id": 3 * len(images) + 7, "file_name": name, "height": stored[0], "width": stored[1]})
        annotations.append({"image_id": images[-1]["id"], "file_name": mask, "segments_info": infos})

    def blocks(height, width, count, largest=1 << 24):
        ids = rng.choice(np.arange(1, largest), count, replace=False).astype(np.uint32)
        ids[0] = largest - 1
        grid = np.resize(ids, height * width).reshape(height, width)
        return np.where(rng.random((height, width)) < 0.2, 0, grid).astype(np.uint32)

    add("few.jpg", blocks(37, 53, 3, 5000).repeat(2, 0))
    add("exactly_255.jpg", np.arange(1, 256, dtype=np.uint32).reshape(15, 17).repeat(2, 0).repeat(2, 1))
    add("256_segments.png", np.arange(1, 257, dtype=np.uint32).reshape(16, 16) * 65535)
    add("2000_segments.png", (np.arange(2000, dtype=np.uint32) * 7919 + 1).reshape(40, 50))
    add("sub/nur schwarz ä.jpg", np.zeros((8, 9), np.uint32))
    turned = Image.Exif()
    turned[0x0112] = 6
    add("turned.jpg", blocks(48, 32, 5, 70000), stored=(32, 48), exif=turned)
    add("wrong_numbers.png", blocks(20, 30, 4, 300))
    annotations[-1]["segments_info"][0]["area"] += 3
    annotations[-1]["segments_info"][1]["bbox"][2] += 1
    annotations[-1]["segments_info"].append({"id": 4321, "category_id": 51, "area": 9, "bbox": [0, 0, 3, 3], "iscrowd": 0})
    Image.new("RGB", (5, 5)).save(root / "images/not annotated.png")
    rng.shuffle(annotations)
    (root / "panoptic.json").write_text(
        json.dumps({"info": {"annotations": [1, {"x": []}]}, "annotations": annotations, "images": images, "categories": CATEGORIES}))


def pack(muster, out, *words):
    done = subprocess.run([muster, "pack", "task=panoptic_segmentation", f"out={out}", *words], capture_output=True, text=True, cwd=SOURCE)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def main():
    if sys.argv[1] == "--compare":
        print("%d samples with %d segments agree" % compare(*sys.argv[2:6]))
        return
    muster = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_odd_set(root, np.random.default_rng(11))
        for split, words in (("train", ["shard_bytes=4000"]), ("val", [])):
            said = pack(muster, root / f"packed_{split}", f"images={root}/images", f"masks={root}/masks",
                        f"annotations={root}/panoptic.json", f"split={split}", *words)
            for sentence in ("1 segments have no pixel", "1 segments have another area", "1 segments have another box", "1 images in"):
                assert sentence in said, said
            print(split, "%d samples with %d segments agree" % compare(root / f"packed_{split}", split, root / "panoptic.json", root / "masks"))
        again = subprocess.run([muster, "verify", root / "packed_train", "level=decode"], capture_output=True, text=True)
        assert again.returncode == 0, again.stdout + again.stderr
        sample = SOURCE / "datasets/panoptic_nuclei/sample"
        for split in ("train", "val"):
            annotations, masks = sample / f"annotations/panoptic_{split}.json", sample / f"annotations/panoptic_{split}"
            pack(muster, root / "nuclei", f"images={sample}/images/{split}", f"masks={masks}", f"annotations={annotations}", f"split={split}")
            print("nuclei", split, "%d samples with %d segments agree" % compare(root / "nuclei", split, annotations, masks))


if __name__ == "__main__":
    main()
