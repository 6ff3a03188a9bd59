"""Each of the 109 odd images through the program: packed with the pixels of independent readers, or left out by name with its reason.

tests/odd_images/expected.csv says which; test_image_odd compares the decoder itself with it. The files lie in ../shared/data/odd_images.
"""

import collections
import csv
import io
import json
import os
import sys
import unittest
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

import program

sys.path.insert(0, str(program.SOURCE / "tools/data"))
sys.path.insert(0, str(program.SOURCE / "tests/odd_images"))
import check_datasets  # noqa: E402
import make_expected  # noqa: E402
from packed_reader import PackedSet, rgb  # noqa: E402

FILES = 109
RECIPE = "datasets/odd_images/pack.yaml"
SHARED = program.SOURCE.parent / "shared/data"
ROOT = Path(os.environ.get("MUSTER_ODD_IMAGES", SHARED / "odd_images"))

# Where Pillow's JPEG, TIFF and WebP are of other versions than those that expected.csv was made with, a pixel may be rounded otherwise.
ROUNDING = 2


def expected():
    with open(program.SOURCE / "tests/odd_images/expected.csv", newline="", encoding="utf-8") as lines:
        return {row["file"]: row for row in csv.DictReader(lines)}


@unittest.skipUnless((ROOT / "MANIFEST.csv").exists(), f"the odd images are not at {ROOT}; set MUSTER_ODD_IMAGES")
class OddImages(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.table = expected()
        cls.out = cls.folder / "odd"
        muster = check_datasets.Muster(program.MUSTER)
        cls.said = []
        cls.problems = check_datasets.check_set(muster, RECIPE, cls.out, SHARED, cls.said.append,
                                                [] if ROOT == SHARED / "odd_images" else [f"data.train.images={ROOT}"])
        cls.packed = {sample.key: sample for sample in PackedSet(cls.out).samples("train")}
        cls.skipped = {key: reason for (_, key), reason in check_datasets.skipped_keys(cls.out).items()}

    def test_the_table_names_the_files_that_are_there(self):
        there = {path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if path.is_file() and path.parent not in (ROOT, ROOT / "licenses")}
        self.assertEqual(len(self.table), FILES)
        self.assertEqual(there, set(self.table))

    def test_independent_readers_agree_with_what_was_packed(self):
        self.assertEqual(self.problems, [])

    def test_each_is_packed_or_left_out_as_the_table_says(self):
        read = {name for name, row in self.table.items() if row["crc32"]}
        self.assertEqual(set(self.packed), read)
        self.assertEqual(set(self.skipped), set(self.table) - read)
        self.assertGreaterEqual(len(read), 80)

    def test_each_that_is_left_out_has_its_reason(self):
        for name, row in self.table.items():
            if not row["crc32"]:
                with self.subTest(name):
                    for words in row["refusal"].split("&"):
                        self.assertIn(words, self.skipped[name])

    def test_each_that_is_packed_has_its_bytes_or_its_pixels(self):
        """Copied as it is, or stored without loss in another form, with the size and the orientation of the table."""
        copied = 0
        for name, row in self.table.items():
            if not row["crc32"]:
                continue
            with self.subTest(name):
                sample = self.packed[name]
                self.assertEqual(sample.source_size, (int(row["height"]), int(row["width"])))
                self.assertEqual(sample.orientation, int(row["orientation"]))
                if sample.image == (ROOT / name).read_bytes():
                    copied += 1
                    continue
                deep = make_expected.deep_png(sample.image) if sample.codec == "png" else None  # which Pillow reads as eight bits
                pixels = rgb(Image.open(io.BytesIO(sample.image))) if deep is None else make_expected.rgb(make_expected.sixteen_to_8(deep))
                if sample.codec == "png":
                    self.assertEqual(f"{zlib.crc32(np.ascontiguousarray(pixels).tobytes()):08x}", row["crc32"])
                else:  # a progressive JPEG as a baseline one: the same coefficients
                    source = rgb(Image.open(ROOT / name)).astype(int)
                    self.assertLessEqual(np.abs(source - pixels).max(), ROUNDING)
        self.assertGreater(copied, 40)

    def test_files_that_share_a_stem_are_told_apart(self):
        by_stem = collections.defaultdict(list)
        for name in self.packed:
            by_stem[name.rsplit(".", 1)[0]].append(name)
        shared = [names for names in by_stem.values() if len(names) > 1]
        self.assertGreaterEqual(len(shared), 2, "the set no longer has names that differ in their extension alone")
        for names in shared:
            self.assertEqual(len({self.packed[name].image for name in names}), len(names), names)

    def test_without_skipping_the_names_are_told_and_nothing_is_written(self):
        out = self.folder / "refused"
        done = self.check_run("pack", RECIPE, f"data.train.images={ROOT}", f"out={out}", "on_error=fail", code=3)
        told = [name for name, row in self.table.items() if not row["crc32"] and str(ROOT / name) in done.text]
        self.assertGreaterEqual(len(told), 10, done.text)
        self.assertFalse(out.exists(), "pack left something behind")
        dry = program.run("pack", RECIPE, f"data.train.images={ROOT}", f"out={out}", "on_error=fail", "--dry-run", "--json")
        self.assertFalse(json.loads(dry.stdout)["ready"], dry.text)
        self.assertFalse(out.exists(), "a dry run left something behind")


if __name__ == "__main__":
    program.main()
