#!/usr/bin/env python3
"""Images per CPU second from stored JPEGs to batches, beside what people use today, in turn in one run.

  python -m venv /work/venvs/loader; its packages: torch torchvision (CPU), pillow, numpy, opencv-python-headless, webdataset, h5py,
  mosaicml-streaming (left out, and said so, where it is not there)
  data_vs_peers.py make FOLDER --photos /work/shared/data/photos_unlabeled     once: 600 photos of 500 x 375 (q95, about 80 KB), 24 of 2048 x 1024 with masks
  data_vs_peers.py run FOLDER --bench build/release/tests/data/loader_bench    packs, then prints the tables

`rrc`: RandomResizedCrop-224, flip, normalise, float batches of 64. `crop`: images of 2048 x 1024 and their masks, a window of 512 x 512;
ours to normalised batches with train indices, OpenCV's only decoded and cut. CPU seconds are user and system time of a process and its
children, so neighbours on the machine change them little; ratios are taken within a round, their median is printed.
"""

import argparse
import io
import pathlib
import resource
import statistics
import subprocess
import sys
import time

MEAN, STD, SIDE, BATCH = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 224, 64


# ---------------------------------------------------------------------------------------------------------------- data


def make(folder, photos):
    import numpy as np
    from PIL import Image, ImageOps

    random = np.random.default_rng(0)
    pictures = [p for p in sorted(photos.rglob("*")) if p.suffix in (".jpg", ".png")]
    small, wide, masks = folder / "images" / "class", folder / "wide" / "images", folder / "wide" / "masks"
    for path in (small, wide, masks):
        path.mkdir(parents=True, exist_ok=True)

    def cut(picture, width, height, sharpness):  # a window of that shape, of drawn size and place, scaled down to it
        largest = min(picture.width / width, picture.height / height)
        if largest < 1:
            return None
        scale = random.uniform(max(1, sharpness * largest), largest)
        left = random.uniform(0, picture.width - width * scale)
        top = random.uniform(0, picture.height - height * scale)
        return picture.resize((width, height), Image.LANCZOS, box=(left, top, left + width * scale, top + height * scale))

    count = 0
    while count < 600:
        part = cut(Image.open(pictures[random.integers(len(pictures))]).convert("RGB"), 500, 375, 0.8)
        if part is not None:
            part.save(small / f"{count:04}.jpg", quality=95, subsampling="4:2:0")
            count += 1
    large = [p for p in pictures if Image.open(p).width >= 2048 and Image.open(p).height >= 1024]
    for i in range(24):
        part = cut(Image.open(large[i % len(large)]).convert("RGB"), 2048, 1024, 0)
        (ImageOps.mirror(part) if i % 2 else part).save(wide / f"{i:02}.jpg", quality=90, subsampling="4:2:0")
        # 19 classes: where a smooth field with some rough detail is the largest
        fields = []
        for _ in range(19):
            grids = [(random.normal(size=(6, 12)), 1.0), (random.normal(size=(40, 80)), 0.25)]
            fields.append(sum(w * np.asarray(Image.fromarray(g.astype(np.float32)).resize((2048, 1024), Image.BICUBIC)) for g, w in grids))
        Image.fromarray(np.argmax(fields, axis=0).astype(np.uint8)).save(masks / f"{i:02}.png")
    for path in (small, wide, masks):
        sizes = [p.stat().st_size for p in path.iterdir()]
        print(f"{path}: {len(sizes)} files of {statistics.mean(sizes) / 1000:.0f} KB on average")


def payloads(folder):
    return [p.read_bytes() for p in sorted((folder / "images" / "class").iterdir())]


def make_peers(folder):
    """The same JPEG bytes in the peers' own containers, each in the order of the files."""
    import h5py
    import numpy as np
    import webdataset

    blobs = payloads(folder)
    with webdataset.TarWriter(str(folder / "images.tar")) as tar:
        for i, blob in enumerate(blobs):
            tar.write({"__key__": f"{i:04}", "jpg": blob, "cls": 0})
    with h5py.File(folder / "images.h5", "w") as file:
        file["bytes"] = np.frombuffer(b"".join(blobs), np.uint8)
        file["end"] = np.cumsum([len(b) for b in blobs])
    try:
        from streaming import MDSWriter
    except ImportError:
        return
    target = folder / "mds"
    if not target.exists():
        with MDSWriter(out=str(target), columns={"image": "bytes", "label": "int"}) as out:
            for blob in blobs:
                out.write({"image": blob, "label": 0})


# ------------------------------------------------------------------------------------------------------------- workers
# Each gives a function that runs through all images once and returns how many there were.


def pil_transform():
    from torchvision import transforms

    return transforms.Compose(
        [transforms.RandomResizedCrop(SIDE), transforms.RandomHorizontalFlip(), transforms.ToTensor(), transforms.Normalize(MEAN, STD)])


def from_bytes(blob):
    from PIL import Image

    return Image.open(io.BytesIO(blob)).convert("RGB")


def epochs(dataset, workers=0, **options):
    from torch.utils.data import DataLoader

    loader = DataLoader(dataset, batch_size=BATCH, num_workers=workers, **options)

    def epoch():
        return sum(len(images) for images, _ in loader)

    return epoch


def torchvision_pil(folder, workers=0):
    from torchvision.datasets import ImageFolder

    return epochs(ImageFolder(folder / "images", pil_transform()), workers, shuffle=True)


def torchvision_tensor(folder, per_batch):
    """decode_image, then transforms v2 on uint8 tensors; normalisation of each image, or of whole batches."""
    import torch
    from torchvision.datasets import ImageFolder
    from torchvision.io import ImageReadMode, decode_image, read_file
    from torchvision.transforms import v2

    normalise = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])
    draw = v2.Compose([v2.RandomResizedCrop(SIDE, antialias=True), v2.RandomHorizontalFlip()])
    data = ImageFolder(folder / "images", draw if per_batch else v2.Compose([draw, normalise]),
                       loader=lambda path: decode_image(read_file(path), ImageReadMode.RGB))
    if not per_batch:
        return epochs(data, shuffle=True)

    def collate(samples):
        images, labels = zip(*samples)
        return normalise(torch.stack(images)), torch.tensor(labels)

    return epochs(data, shuffle=True, collate_fn=collate)


def from_webdataset(folder):
    import webdataset

    data = webdataset.WebDataset(str(folder / "images.tar"), shardshuffle=False).shuffle(200).decode("pil").to_tuple("jpg", "cls")
    loader = webdataset.WebLoader(data.map_tuple(pil_transform(), int).batched(BATCH), batch_size=None, num_workers=0)
    return lambda: sum(len(images) for images, _ in loader)


def from_streaming(folder):
    from streaming import StreamingDataset

    class Photos(StreamingDataset):
        def __init__(self):
            super().__init__(local=str(folder / "mds"), shuffle=True, batch_size=BATCH)
            self.draw = pil_transform()

        def __getitem__(self, index):
            row = super().__getitem__(index)
            return self.draw(from_bytes(row["image"])), row["label"]

    return epochs(Photos())


def from_h5py(folder):
    import h5py

    class Photos:
        def __init__(self):
            self.file = h5py.File(folder / "images.h5", "r")
            self.bytes, self.end, self.draw = self.file["bytes"], self.file["end"][:], pil_transform()

        def __len__(self):
            return len(self.end)

        def __getitem__(self, index):
            begin = self.end[index - 1] if index else 0
            return self.draw(from_bytes(self.bytes[begin:self.end[index]].tobytes())), 0

    return epochs(Photos(), shuffle=True)


def opencv_crop(folder):
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    random = np.random.default_rng(1)
    images = [np.fromfile(p, np.uint8) for p in sorted((folder / "wide" / "images").iterdir())]
    masks = [np.fromfile(p, np.uint8) for p in sorted((folder / "wide" / "masks").iterdir())]

    def epoch():
        for image, mask in zip(images, masks):
            pixels, labels = cv2.imdecode(image, cv2.IMREAD_COLOR), cv2.imdecode(mask, cv2.IMREAD_UNCHANGED)
            top, left = random.integers(1024 - 512 + 1), random.integers(2048 - 512 + 1)
            pixels[top:top + 512, left:left + 512].copy(), labels[top:top + 512, left:left + 512].copy()
        return len(images)

    return epoch


PEERS = {
    "torchvision, ImageFolder + PIL, 0 workers": torchvision_pil,
    "torchvision, ImageFolder + PIL, 1 worker": lambda folder: torchvision_pil(folder, 1),
    "torchvision, decode_image + v2, each image": lambda folder: torchvision_tensor(folder, False),
    "torchvision, decode_image + v2, normalised in batches": lambda folder: torchvision_tensor(folder, True),
    "webdataset + PIL": from_webdataset,
    "MosaicML streaming + PIL": from_streaming,
    "h5py + PIL": from_h5py,
    "OpenCV, imdecode of JPEG and PNG": opencv_crop,
}


def cpu_seconds():
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usages)


def work(name, folder, images):
    try:
        import torch

        torch.set_num_threads(1)
        epoch = PEERS[name](folder)
    except ImportError as error:
        sys.exit(f"{name}: {error}")
    epoch()  # caches, lazy imports
    cpu, begin, done = cpu_seconds(), time.monotonic(), 0
    while done < images:
        done += epoch()
    print(done, time.monotonic() - begin, cpu_seconds() - cpu)


# ----------------------------------------------------------------------------------------------------------------- run


def measured(command):
    found = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if found.returncode != 0:
        print("  left out:", (found.stderr.strip().splitlines() or ["?"])[-1], flush=True)
        return None
    images, wall, cpu = map(float, found.stdout.split()[-3:])
    return images / cpu, images / wall


def two_at_once(command):
    """Images per second of two independent processes together."""
    both = [subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    rates = [float(out[0]) / float(out[1]) for out in (p.communicate()[0].split()[-3:] for p in both)]
    return sum(rates)


def run(folder, bench, rounds, images):
    for name, sources in (("images.muster", [folder / "images" / "class"]), ("wide.muster", [folder / "wide" / "images", folder / "wide" / "masks"])):
        if not (folder / name / "manifest.json").exists():
            subprocess.run([bench, "pack", folder / name, *sources], check=True)
    make_peers(folder)
    ours = {"rrc": [bench, "rrc", folder / "images.muster", 1, images, BATCH],
            "rrc2": [bench, "rrc", folder / "images.muster", 2, 2 * images, BATCH],
            "crop": [bench, "crop", folder / "wide.muster", 1, images // 4, 8]}
    rates, scaling = {}, {"two threads / one": [], "two threads / two processes": []}
    for number in range(rounds):
        one = measured(ours["rrc"])
        two, pair = measured(ours["rrc2"]), two_at_once(ours["rrc"])
        scaling["two threads / one"].append(two[1] / one[1])
        scaling["two threads / two processes"].append(two[1] / pair)
        crop = measured(ours["crop"])
        rates.setdefault("Muster, RandomResizedCrop", []).append((one[0], 1.0))
        rates.setdefault("Muster, 512 window of image and mask", []).append((crop[0], 1.0))
        for name in PEERS:
            is_crop = name.startswith("OpenCV")
            found = measured([sys.executable, __file__, "worker", name, folder, images // 4 if is_crop else images])
            if found is not None:
                rates.setdefault(name, []).append((found[0], (crop if is_crop else one)[0] / found[0]))
        print(f"round {number + 1} of {rounds} done", flush=True)
    print("\n| images per CPU second | median | Muster's ratio, median (each round) |\n|---|---|---|")
    for name, pairs in rates.items():
        each = ", ".join(f"{ratio:.2f}" for _, ratio in pairs)
        print(f"| {name} | {statistics.median(r for r, _ in pairs):.0f} | {statistics.median(r for _, r in pairs):.2f} ({each}) |")
    for name, values in scaling.items():
        print(f"{name}, images per second: {statistics.median(values):.2f} ({', '.join(f'{v:.2f}' for v in values)})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("make", "run"):
        commands.add_parser(name).add_argument("folder", type=pathlib.Path)
    commands.choices["make"].add_argument("--photos", type=pathlib.Path, required=True)
    commands.choices["run"].add_argument("--bench", type=pathlib.Path, required=True)
    commands.choices["run"].add_argument("--rounds", type=int, default=3)
    commands.choices["run"].add_argument("--images", type=int, default=1200)
    worker = commands.add_parser("worker")
    worker.add_argument("name", choices=PEERS)
    worker.add_argument("folder", type=pathlib.Path)
    worker.add_argument("images", type=int)
    a = parser.parse_args()
    if a.command == "make":
        make(a.folder, a.photos)
    elif a.command == "run":
        run(a.folder, a.bench.resolve(), a.rounds, a.images)
    else:
        work(a.name, a.folder, a.images)


if __name__ == "__main__":
    main()
