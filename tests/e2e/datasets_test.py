"""The sets that ship are packed and compared, pixel by pixel and label by label, with readers that are not ours; the full form, for all
sets of ../shared/data, is tools/data/check_datasets.py."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image

import program

sys.path.insert(0, str(program.SOURCE / "tools/data"))
import check_datasets  # noqa: E402
from packed_reader import PackedSet  # noqa: E402


class Datasets(program.ProgramTest):
    def setUp(self):
        self.muster = check_datasets.Muster(program.MUSTER)
        self.said = []

    def check_set(self, recipe, *words):
        out = self.folder / self.id().split(".")[-1][:50]
        problems = check_datasets.check_set(self.muster, recipe, out, program.SOURCE.parent / "shared/data", self.said.append, words)
        self.assertEqual(problems, [])
        return PackedSet(out)

    def test_semantic(self):
        packed = self.check_set("datasets/sample/pack.yaml", "shard_bytes=500000")
        self.assertEqual([packed.manifest["splits"][split]["num_samples"] for split in ("train", "val")], [80, 16])
        self.assertGreater(len(packed.manifest["splits"]["train"]["shards"]), 3)

    def test_panoptic(self):
        packed = self.check_set("datasets/panoptic_nuclei/sample.yaml")
        self.assertEqual([packed.manifest["splits"][split]["num_samples"] for split in ("train", "val")], [4, 2])
        self.assertEqual(packed.classes("train"), ([1, 2], ["nucleus", "background"], [1, 0]))
        self.assertGreater(sum(len(sample.segments) for sample in packed.samples("train")), 8)

    def test_classification(self):
        packed = self.check_set("datasets/classification_mini/sample.yaml")
        self.assertEqual(packed.classes("val")[1], ["hat", "skirt", "t-shirt"])
        self.assertEqual(sorted(sample.label for sample in packed.samples("train")), [0, 0, 0, 1, 1, 1, 2, 2, 2])

    def test_unlabelled(self):
        recipe = self.folder / "unlabelled.json"
        recipe.write_text(json.dumps({"task": "pretrain", "data": {"train": {"images": "datasets/classification_mini/sample"}}}))
        packed = self.check_set(recipe)
        self.assertEqual(packed.manifest["splits"]["train"]["num_samples"], 12)

    def test_the_comparison_notices_one_pixel_and_one_bit(self):
        """Sources are changed after packing, so that what is packed is no longer right."""
        sources = self.folder / "changing"
        shutil.copytree(program.SOURCE / "datasets/panoptic_nuclei/sample", sources)
        data = {split: {"images": str(sources / "images" / split), "masks": str(sources / f"annotations/panoptic_{split}"),
                        "annotations": str(sources / f"annotations/panoptic_{split}.json")} for split in ("train", "val")}
        recipe = {"task": "panoptic_segmentation", "data": data, "out": str(self.folder / "changed")}
        path = self.folder / "changed.json"
        path.write_text(json.dumps(recipe))
        self.muster.run("pack", path)
        check = lambda split: check_datasets.check_split(PackedSet(recipe["out"]), split, recipe, self.said.append)  # noqa: E731
        self.assertEqual(check("train") + check("val"), [])
        mask = sorted((sources / "annotations/panoptic_val").iterdir())[0]
        pixels = np.array(Image.open(mask))
        pixels[10, 20] ^= 1
        Image.fromarray(pixels).save(mask)
        self.assertIn("segments: 1 pixels differ", " ".join(check("val")))
        coco = json.loads(Path(data["train"]["annotations"]).read_text())
        coco["annotations"][0]["segments_info"][0]["iscrowd"] ^= 1
        Path(data["train"]["annotations"]).write_text(json.dumps(coco))
        self.assertEqual(len(check("train")), 1)

    def test_the_comparison_notices_a_mask_value_a_missing_image_and_a_changed_photo(self):
        recipe = {"task": "semantic_segmentation", "out": str(self.data), "data": {
            **json.loads((program.SAMPLE / "classes.json").read_text()),
            **{split: {kind: str(self.sources / split / kind) for kind in ("images", "masks")} for split in ("train", "val")}}}
        check = lambda: check_datasets.check_split(PackedSet(self.data), "val", recipe, self.said.append)  # noqa: E731
        self.assertEqual(check(), [])
        image = sorted((self.sources / "val/images").iterdir())[0]
        mask = self.sources / "val/masks" / f"{image.stem}.png"
        kept = image.read_bytes(), mask.read_bytes()
        pixels = np.array(Image.open(mask))
        pixels[0, 0] = 4 if pixels[0, 0] != 4 else 3
        Image.fromarray(pixels).save(mask)
        self.assertIn("mask: 1 pixels differ", " ".join(check()))
        mask.write_bytes(kept[1])
        photo = np.array(Image.open(image))
        Image.fromarray(255 - photo).save(image)
        self.assertIn("pixels differ by up to", " ".join(check()))
        image.write_bytes(kept[0])
        shutil.copy(image, image.with_name("more.jpg"))
        self.assertIn("are not the 4 images", " ".join(check()))


if __name__ == "__main__":
    program.main()
