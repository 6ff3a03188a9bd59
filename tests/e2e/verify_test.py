"""What `muster verify` and `muster info` say of packed sets: to people, as JSON, over ranks, and of sets that came to harm."""

import fcntl
import json
import random
import shutil
import subprocess

import h5py
import numpy as np
from PIL import Image

import program


def rewrite_shard(path, **layout):
    """As h5repack does: everything copied into a new file, where it lies elsewhere. `layout`: of the payload."""
    other = path.with_suffix(".rewritten")
    with h5py.File(path) as old, h5py.File(other, "w") as new:
        for name, value in old.attrs.items():
            new.attrs[name] = value
        for name in old:
            if name != "payload":
                old.copy(name, new)
        new.create_dataset("payload", data=old["payload"][:], **layout)
    other.replace(path)


class VerifyAndInfo(program.ProgramTest):
    def setUp(self):
        self.copy = self.folder / "copy"
        shutil.copytree(self.data, self.copy)
        self.shard = self.copy / "train-00000.h5"

    def tearDown(self):
        shutil.rmtree(self.copy)

    def verify(self, *words, code=3):
        return json.loads(self.check_run("verify", self.copy, *words, "--json", code=code).stdout)

    def flip_in_image(self, row):
        with h5py.File(self.shard) as shard:
            at = int(shard.attrs["payload_address"]) + int(shard["index/image_offset"][row]) + 20
            key = shard["index/key"][row].decode()
        with open(self.shard, "r+b") as file:
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 8]))
        return key

    def test_a_whole_set_and_its_sources(self):
        for level in ("quick", "crc", "decode"):
            self.check_run("verify", self.data, f"level={level}", says="15 samples, 0 problems")
        recipe = self.folder / "recipe.yaml"
        recipe.write_text("task: semantic_segmentation\ndata:\n" + "".join(
            f"  {split}:\n    images: {self.sources / split / 'images'}\n    masks: {self.sources / split / 'masks'}\n" for split in ("train", "val"))
            + f"classes: {program.SAMPLE / 'classes.json'}\n")
        self.check_run("verify", self.data, "level=decode", f"source={recipe}", says="0 problems")
        words = ", ".join(word for word in self.pack_words("val"))
        self.check_run("verify", f"data={self.data}", f"source=[{words}]", says=["0 problems", "split train: the recipe does not speak of it"])
        folders = ", ".join(str(self.sources / split / "images") for split in ("val", "train"))
        self.check_run("verify", self.data, f"source=[{folders}]", says=["0 problems", "targets were not"])
        self.check_run("verify", self.data, "source=[nowhere]", code=2, says="nowhere is neither a folder")

    def test_a_damaged_sample_is_named_by_any_number_of_ranks(self):
        key = self.flip_in_image(4)
        alone = self.verify()
        self.assertEqual([(p["file"], p["sample"], p["key"]) for p in alone["problems"]], [("train-00000.h5", 4, key)])
        self.assertIn("checksum", alone["problems"][0]["reason"])
        self.assertEqual((alone["level"], alone["samples"], alone["splits"]), ("crc", 15, 2))
        for ranks in (2, 3):
            done = subprocess.run([program.SOURCE / "launch" / "muster", "-n", str(ranks), "verify", self.copy, "--json"], cwd=program.SOURCE,
                                  capture_output=True, text=True, timeout=120,
                                  env={**program.os.environ, "MUSTER_BUILD": program.MUSTER.parents[1].name})
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertEqual(json.loads(done.stdout), alone)
        self.check_run("info", self.copy, "split=train", f"contact_sheet={self.folder / 'sheet.png'}", code=3, says=["sample 4", key])

    def test_a_flipped_bit_anywhere_in_any_file_is_named(self):
        """One bit in each file at once, in the images and masks every second time; then in the manifest, where nothing else is told."""
        choice = random.Random(6)
        files = sorted(self.copy.glob("*.h5"))
        self.assertEqual(len(files), 4)  # a shard and an index of each split
        good = {path: path.read_bytes() for path in [*files, self.copy / "manifest.json"]}
        payloads = {}
        for path in files:
            with h5py.File(path) as file:
                if "payload" in file:
                    payloads[path] = int(file.attrs["payload_address"]), file["payload"].shape[0]

        def flip(path, at):
            content = bytearray(good[path])
            content[at] ^= 1 << choice.randrange(8)
            path.write_bytes(content)
            return path.name, at

        for turn in range(4):
            begin = {path: payloads[path] if turn % 2 and path in payloads else (0, len(good[path])) for path in files}
            hit = [flip(path, begin[path][0] + choice.randrange(begin[path][1])) for path in files]
            with self.subTest(hit=hit):
                self.assertEqual({problem["file"] for problem in self.verify()["problems"]}, {path.name for path in files})
        for path in files:
            path.write_bytes(good[path])
        for _ in range(2):
            hit = flip(self.copy / "manifest.json", choice.randrange(len(good[self.copy / "manifest.json"])))
            with self.subTest(hit=hit):
                self.assertIn("manifest.json", {problem["file"] for problem in self.verify()["problems"]})
        (self.copy / "manifest.json").write_bytes(good[self.copy / "manifest.json"])
        self.check_run("verify", self.copy, says="0 problems")

    def test_a_missing_shard_and_one_of_another_data_set(self):
        val = self.copy / "val-00000.h5"
        good = val.read_bytes()
        val.unlink()
        self.assertEqual([(p["file"], p["reason"].startswith("the file is missing")) for p in self.verify("level=quick")["problems"]], [(val.name, True)])
        other = self.folder / "other"
        sources = self.folder / "other_sources"
        shutil.copytree(self.sources / "val", sources / "val")
        for kind in ("images", "masks"):  # the same pictures, two of them under each other's names: as large, and not these
            first, second = sorted((sources / "val" / kind).iterdir())[:2]
            first.rename(sources / "swap"), second.rename(first), (sources / "swap").rename(second)
        self.check_run("pack", *self.pack_words("val", sources), f"out={other}")
        shutil.copy(other / val.name, val)
        for level in ("quick", "crc", "decode"):
            self.assertEqual({p["file"] for p in self.verify(f"level={level}")["problems"]}, {val.name}, level)
        self.check_run("verify", other, "level=decode", says="0 problems")
        val.write_bytes(good)
        self.check_run("verify", self.copy, says="0 problems")

    def test_files_that_another_program_has_locked(self):
        holders = [open(path, "r+b") for path in sorted(self.copy.glob("*.h5"))]
        for holder in holders:
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with self.assertRaises(BlockingIOError, msg="h5py, which asks for the lock, is not kept out"):
            h5py.File(self.shard, locking=True)
        self.check_run("verify", self.copy, "level=decode", says="15 samples, 0 problems")
        self.check_run("info", self.copy, "split=train", f"contact_sheet={self.folder / 'locked.png'}")
        for holder in holders:
            holder.close()

    def test_an_index_that_h5repack_rewrote_is_named(self):
        index = self.copy / "index-train.h5"
        subprocess.run(["h5repack", str(index), str(self.copy / "repacked")], check=True)
        (self.copy / "repacked").rename(index)
        self.assertEqual({problem["file"] for problem in self.verify()["problems"]}, {index.name})

    def test_a_rewritten_shard_is_read_and_told(self):
        rewrite_shard(self.shard)
        problems = self.verify()["problems"]
        self.assertEqual([(p["file"], p["sample"]) for p in problems], [("train-00000.h5", None)])
        self.assertIn("h5repack", problems[0]["reason"])
        self.check_run("info", self.copy, "split=train", f"contact_sheet={self.folder / 'moved.png'}")
        rewrite_shard(self.shard, compression="gzip")
        self.assertIn("train-00000.h5", self.verify()["problems"][0]["file"])
        self.check_run("info", self.copy, "split=train", f"contact_sheet={self.folder / 'no.png'}", code=3, says=["train-00000.h5", "compressed"])

    def test_manifests_of_another_format_and_edited_ones(self):
        manifest = self.copy / "manifest.json"
        good = manifest.read_text()
        manifest.write_text(good.replace('"shuffled"', '"shufled"'))
        self.assertIn("changed after it was written", self.verify()["problems"][0]["reason"])
        for change in ({"format_version": [2, 0]}, {"splits": {}}, {"generation": -1}, {"task": "knitting"}, {"classes": None}):
            manifest.write_text(json.dumps({**json.loads(good), **change}))
            problems = self.verify()["problems"]
            self.assertEqual([p["file"] for p in problems], ["manifest.json"], change)
            self.check_run("info", self.copy, code=3, says="manifest.json")

    def test_info_for_people_and_programs(self):
        self.check_run("info", self.data, says=["semantic_segmentation, 5 classes, 15 samples in 2 shards", "train: 12 samples", "val: 3 samples",
                                                "long side", "(void)", "generation 0"])
        report = json.loads(self.check_run("info", f"data={self.data}", "--json").stdout)
        self.assertEqual((report["samples"], report["shards"], report["classes"]["count"]), (15, 2, 5))
        self.assertEqual(report["bytes"], sum(path.stat().st_size for path in self.data.glob("*-0*.h5")))
        train = report["splits"]["train"]
        self.assertEqual(train["images"]["codecs"], {"jpeg": 12})
        self.assertEqual(sum(train["stats"]["size_histogram"].values()), 12)
        with h5py.File(self.data / "train-00000.h5") as shard:
            pixels = np.bincount(shard["index/class_id"][:], shard["index/class_pixels"][:], 5)
        self.assertEqual(train["stats"]["class_pixels"], pixels.astype(int).tolist())
        manifest = json.loads((self.data / "manifest.json").read_text())
        self.assertEqual(train["fingerprint"], manifest["splits"]["train"]["fingerprint"])
        self.check_run("info", self.folder, code=3, says=str(self.folder))

    def test_a_contact_sheet(self):
        sheets = {}
        for name, words in (("all", ["split=train"]), ("few", ["split=train", "samples=3"]), ("drawn", ["split=train", "samples=3", "seed=1"]),
                            ("again", ["split=train", "samples=3", "seed=1"]), ("val", [])):
            path = self.folder / "sheets" / f"{name}.png"
            self.check_run("info", self.data, f"contact_sheet={path}", *words)
            sheets[name] = np.array(Image.open(path))
        self.assertEqual(sheets["all"].shape[2], 3)
        self.assertGreater(sheets["all"].shape[0], sheets["few"].shape[0])
        self.assertTrue(np.array_equal(sheets["drawn"], sheets["again"]))
        self.assertFalse(np.array_equal(sheets["drawn"], sheets["few"]))
        # The legend has the colours of the classes, in squares of 14 pixels.
        for entry in json.loads((self.data / "manifest.json").read_text())["classes"]["list"]:
            self.assertGreaterEqual(np.all(sheets["all"] == entry["color"], axis=2).sum(), 14 * 14, entry)
        self.check_run("info", self.data, f"contact_sheet={self.folder / 'x.png'}", "split=test", code=3, says="train, val")


if __name__ == "__main__":
    program.main()
