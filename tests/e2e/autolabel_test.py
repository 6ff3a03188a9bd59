"""`muster autolabel`: any number of workers, killed, stopped and started again, give one set of masks; pack takes them as they are."""

import csv
import io
import json
import os
import random
import resource
import signal
import subprocess
import time
import zlib

import h5py
import numpy as np
from PIL import Image, ImageOps

import program

EXIF_ORIENTATION = 0x0112
# Pillow's way from an upright picture to the stored one that EXIF value `key` turns upright again.
STORED = {
    1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
}


def stored(upright, orientation):
    return upright if STORED[orientation] is None else upright.transpose(STORED[orientation])


def exif(orientation):
    block = Image.Exif()
    block[EXIF_ORIENTATION] = orientation
    return block


def masks_of(out):
    """The bytes of all masks by name."""
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*.png")) if "_muster" not in path.parts}


def pixels_of(path):
    with Image.open(path) as image:
        return np.asarray(image)


def journal_of(out):
    return [json.loads(line) for line in (out / "_muster/journal.jsonl").read_text().splitlines()]


class Autolabel(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.folder / "run"
        done = program.run(*cls.train_words(cls, cls.model, 24))
        if done.returncode != 0:
            raise AssertionError(done.text)
        # Photos and tiles in a tree: whole ones, wide ones, small ones.
        cls.photos = cls.folder / "photos"
        chance = random.Random(5)
        sources = sorted((program.SAMPLE / "train/images").iterdir())
        for i in range(60):
            with Image.open(sources[i % len(sources)]) as tile:
                width, height = chance.choice([(tile.width, tile.height), (tile.width, 60), (40, 90), (30, 30)])
                path = cls.photos / ("tiles", "photos/deep", "photos")[i % 3] / f"{i:03}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                tile.crop((0, 0, width, height)).save(path, quality=92)
        cls.alone = cls.folder / "alone"
        done = program.run(*cls.words(cls.alone))
        if done.returncode != 0:
            raise AssertionError(done.text)
        cls.expected = masks_of(cls.alone)

    @classmethod
    def words(cls, out, *more, data=None):
        return ["autolabel", f"model={cls.model}", f"data={data or cls.photos}", f"out={out}", "batch_size=2", *more]

    def check_equal_to_one_worker(self, out):
        self.assertEqual(masks_of(out).keys(), self.expected.keys())
        for name, mask in masks_of(out).items():
            self.assertEqual(mask, self.expected[name], name)
        journal = journal_of(out)
        self.assertEqual([entry["image"] for entry in journal], sorted(str(p.relative_to(self.photos)) for p in self.photos.rglob("*.jpg")))
        for entry in journal:
            self.assertEqual(entry["bytes"], len(self.expected[entry["mask"]]))
        self.assertEqual(list((out / "_muster/tmp").iterdir()), [])

    def wait_until(self, condition, workers, timeout=120):
        deadline = time.monotonic() + timeout
        while not condition():
            for worker in workers:
                self.assertIsNone(worker.poll(), "a worker ended before its time")
            self.assertLess(time.monotonic(), deadline, "the condition never held")
            time.sleep(0.002)

    def test_masks_have_class_ids_at_the_images_own_size_with_notes_and_overlays(self):
        self.assertEqual(len(self.expected), 60)
        seen = set()
        for path in self.photos.rglob("*.jpg"):
            mask = pixels_of(self.alone / path.relative_to(self.photos).with_suffix(".png"))
            self.assertEqual((mask.dtype, mask.shape), (np.uint8, pixels_of(path).shape[:2]))
            seen |= set(np.unique(mask))
        self.assertTrue(1 < len(seen) <= 5 and max(seen) <= 4, f"masks that say something: {seen}")
        overlays = sorted((self.alone / "_muster/overlays").rglob("*.png"))
        self.assertEqual(len(overlays), 16)
        for overlay in overlays:
            mask = self.alone / overlay.relative_to(self.alone / "_muster/overlays")
            self.assertEqual(pixels_of(overlay).shape, (*pixels_of(mask).shape, 3))
        self.assertIn("orientation: applied", (self.alone / "_muster/classes.yaml").read_text())
        self.check_equal_to_one_worker(self.alone)

    def test_a_finished_labelling_started_again_says_so(self):
        self.check_run(*self.words(self.alone), says="labelled before")
        self.check_equal_to_one_worker(self.alone)

    def test_two_and_three_workers_share_the_work(self):
        for count in (2, 3):
            out = self.folder / f"workers{count}"
            workers = [program.start(*self.words(out)) for _ in range(count)]
            for worker in workers:
                said = worker.communicate(timeout=120)[0]
                self.assertEqual(worker.returncode, 0, said)
            self.check_equal_to_one_worker(out)

    def test_one_image_alone_gets_the_mask_that_it_gets_among_others(self):
        for path in (sorted(self.photos.rglob("*.jpg"))[i] for i in (0, 7, 31)):
            out = self.folder / f"single{path.stem}"
            self.check_run(*self.words(out, data=path))
            self.assertEqual((out / f"{path.stem}.png").read_bytes(), self.expected[str(path.relative_to(self.photos).with_suffix(".png"))])

    def test_kills_at_random_moments_leave_no_trace(self):
        kills, copies = (10, 4) if program.FULL else (5, 2)
        chance = random.Random(2)
        out = self.folder / "killed"
        images = self.folder / "many"
        words = self.words(out, "lease_s=5", data=images)
        for copy in range(copies):
            for path in self.photos.rglob("*.jpg"):
                target = images / str(copy) / path.relative_to(self.photos)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(path, target)
        workers = [program.start(*words) for _ in range(3)]
        for kill in range(kills):
            masks = 20 * kill + chance.randint(1, 20)
            self.wait_until(lambda: len(masks_of(out)) >= masks, workers)
            time.sleep(chance.uniform(0, 0.05))
            self.assertFalse((out / "_muster/journal.jsonl").exists(), "the work was over before it was disturbed")
            victim = chance.randrange(3)
            workers[victim].kill()
            workers[victim].communicate()
            workers[victim] = program.start(*words)
        for worker in workers:
            said = worker.communicate(timeout=120)[0]
            self.assertEqual(worker.returncode, 0, said)
        found = masks_of(out)
        self.assertEqual(len(found), 60 * copies)
        for name, mask in found.items():
            self.assertEqual(mask, self.expected[name.split("/", 1)[1]], name)
        images_in_journal = [entry["image"] for entry in journal_of(out)]
        self.assertEqual(images_in_journal, sorted(str(path.relative_to(images)) for path in images.rglob("*.jpg")))

    def test_a_worker_that_is_stopped_for_longer_than_the_lease_is_replaced_and_spoils_nothing(self):
        out = self.folder / "asleep"
        words = self.words(out, "lease_s=0.5")
        sleeper = program.start(*words)
        self.wait_until(lambda: len(masks_of(out)) > 3, [sleeper])
        sleeper.send_signal(signal.SIGSTOP)
        self.check_run(*words)
        sleeper.send_signal(signal.SIGCONT)
        said = sleeper.communicate(timeout=60)[0]
        self.assertEqual(sleeper.returncode, 0, said)
        self.check_equal_to_one_worker(out)

    def test_ranks_of_one_launch_share_the_work_and_stop_together(self):
        launcher = [program.SOURCE / "launch" / "muster", "-n"]

        def launch(ranks, out):
            environment = {**os.environ, "MUSTER_BUILD": program.MUSTER.parents[1].name, "OMP_NUM_THREADS": str(ranks - 1)}
            return subprocess.Popen([*launcher, str(ranks), *map(str, self.words(out))], cwd=program.SOURCE, env=environment, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

        for ranks in (2, 3):
            out = self.folder / f"ranks{ranks}"
            process = launch(ranks, out)
            self.wait_until(lambda: len(masks_of(out)) > 5, [process])
            process.send_signal(signal.SIGTERM)
            said = process.communicate(timeout=120)[0]
            self.assertEqual(process.returncode, 75, said)
            self.assertLess(len(masks_of(out)), 60)
            process = launch(ranks, out)
            said = process.communicate(timeout=120)[0]
            self.assertEqual(process.returncode, 0, said)
            self.assertEqual(said.count("60 images labelled"), 1, said)
            self.check_equal_to_one_worker(out)

    def test_a_full_disk_ends_with_one_sentence_and_the_same_command_goes_on(self):
        """No file may grow beyond 7000 bytes: enough for the plan and most masks, too little for an overlay."""
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (7000, 7000))
        out = self.folder / "full"
        # restore_signals=False keeps SIGXFSZ ignored, as Python has it: the write fails, the process is not killed.
        done = subprocess.run([program.MUSTER, *map(str, self.words(out))], cwd=program.SOURCE, capture_output=True, text=True, timeout=200,
                              preexec_fn=limit, restore_signals=False, env={**os.environ, "OMP_NUM_THREADS": "1"})
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
        self.assertIn("bytes are free there", done.stderr)
        self.assertEqual(list((out / "_muster/tmp").iterdir()), [])
        self.check_run(*self.words(out))
        self.check_equal_to_one_worker(out)

    def test_a_request_to_stop_ends_with_75_and_the_same_command_goes_on(self):
        out = self.folder / "stopped"
        for signal_number in (signal.SIGTERM, signal.SIGUSR2):
            code, said = program.stop_when(program.start(*self.words(out)), lambda: len(masks_of(out)) > 2, signal_number)
            self.assertEqual(code, 75, said)
            self.assertIn("stopped on request", said)
            self.assertLess(len(masks_of(out)), 60)
            self.check_run(*self.words(out), says="60 images labelled")
            self.check_equal_to_one_worker(out)
            out = self.folder / "stopped2"

    def test_more_workers_than_images(self):
        few = self.folder / "few"
        few.mkdir()
        for path in sorted(self.photos.rglob("*.jpg"))[:2]:
            os.link(path, few / path.name)
        out = self.folder / "few_labels"
        workers = [program.start(*self.words(out, data=few)) for _ in range(5)]
        for worker in workers:
            said = worker.communicate(timeout=120)[0]
            self.assertEqual(worker.returncode, 0, said)
        self.assertEqual(len(journal_of(out)), 2)

    def test_an_unreadable_image_is_listed_and_the_others_are_labelled(self):
        bad = self.folder / "bad"
        bad.mkdir()
        for path in sorted(self.photos.rglob("*.jpg"))[:3]:
            os.link(path, bad / path.name)
        broken = bad / "broken, really.jpg"
        broken.write_bytes((bad / path.name).read_bytes()[:300])
        out = self.folder / "bad_labels"
        self.check_run(*self.words(out, data=bad), code=3, says=[broken.name, "1 images could not be read", "3 images labelled"])
        with open(out / "_muster/failed.csv", newline="") as file:
            rows = list(csv.reader(file))
        self.assertEqual(rows[0], ["path", "reason"])
        self.assertEqual([row[0] for row in rows[1:]], [broken.name])
        self.check_run(*self.words(out, "on_error=skip", data=bad), code=0, says="1 of 4 images could not be read before")
        self.assertEqual(len(masks_of(out)), 3)
        broken.write_bytes((bad / path.name).read_bytes())
        self.check_run(*self.words(out, data=bad), says="4 images labelled")
        self.assertFalse((out / "_muster/failed.csv").exists())

    def test_what_cannot_be_labelled_is_refused_in_one_sentence(self):
        twins = self.folder / "twins"
        twins.mkdir()
        with Image.open(next(self.photos.rglob("*.jpg"))) as image:
            image.save(twins / "x.jpg")
            image.save(twins / "x.png")
        out = self.folder / "refused"
        self.check_run(*self.words(out, data=twins), code=3, says=["x.jpg and x.png would share the mask x.png", "on_collision=keep_extension"])
        self.check_run(*self.words(out, data=self.folder / "nothing"), code=2, says="there is no such image")
        self.check_run(*self.words(twins, data=twins), code=2, says="the folder of the images itself")
        self.check_run(*self.words(out, "--dry-run"), says="60 images below")
        self.assertFalse(out.exists())
        self.check_run(*self.words(out, "on_collision=keep_extension", data=twins))
        self.assertEqual(masks_of(out).keys(), {"x.jpg.png", "x.png.png"})
        self.check_run(*self.words(out), code=2, says="two labellings in one folder")
        self.check_run(*self.words(self.alone, "batch_size=1"), code=2, says="other weights, classes or batch_size")

    def test_pixels_lie_where_they_belong_for_all_orientations(self):
        photos, uprights = self.folder / "turned", self.folder / "upright"
        photos.mkdir()
        uprights.mkdir()
        with Image.open(sorted((program.SAMPLE / "val/images").iterdir())[0]) as tile:
            shapes = {"square": tile.crop((0, 0, 72, 72)), "oblong": tile.crop((5, 9, 112, 73))}
        for name, upright in shapes.items():
            upright.save(uprights / f"{name}.png")
            for orientation in range(1, 9):
                stored(upright, orientation).save(photos / f"{name}{orientation}.png", exif=exif(orientation))
            stored(upright, 6).save(photos / f"{name}6_jpeg.jpg", exif=exif(6), quality=95)
        plain, out, packed = self.folder / "upright_labels", self.folder / "turned_labels", self.folder / "turned_packed"
        self.check_run(*self.words(plain, data=uprights))
        self.check_run(*self.words(out, data=photos))
        for path in sorted(out.glob("*.png")):
            upright = plain / f"{path.stem[:6]}.png"
            self.assertGreater(len(np.unique(pixels_of(upright))), 1, "a mask of one class shows nothing")
            if "jpeg" in path.stem:
                self.assertGreater((pixels_of(path) == pixels_of(upright)).mean(), 0.9, path)
            else:
                self.assertEqual(path.read_bytes(), upright.read_bytes(), path)

        self.check_run("pack", "task=semantic_segmentation", f"images={photos}", f"masks={out}", "split=val", f"out={packed}",
                       says="18 samples")
        keys = []
        for shard in packed.glob("val-*.h5"):
            with h5py.File(shard) as file:
                self.assertEqual([name.decode() for name in file["classes/name"]], ["building", "land_unpaved", "road", "vegetation", "water"])
                for i, key in enumerate(file["index/key"]):
                    keys.append(key.decode())
                    self.check_sample(file, i, shapes[keys[-1][:6]], pixels_of(out / (keys[-1][:-4] + ".png")), "jpeg" in keys[-1])
        self.assertEqual(keys, sorted(path.name for path in photos.iterdir()))

    def check_sample(self, file, i, upright, mask, lossy):
        """Image and mask of one packed sample, upright, against the picture that was labelled."""
        index, payload = file["index"], file["payload"]

        def blob(kind):
            start, size = int(index[f"{kind}_offset"][i]), int(index[f"{kind}_size"][i])
            return payload[start:start + size].tobytes()

        with Image.open(io.BytesIO(blob("image"))) as image:
            image.getexif()[EXIF_ORIENTATION] = int(index["orientation"][i])
            pixels = np.asarray(ImageOps.exif_transpose(image)).astype(int)
        self.assertLessEqual(np.abs(pixels - np.asarray(upright)).mean(), 6 if lossy else 0)
        height, width = int(index["height"][i]), int(index["width"][i])
        dense = np.frombuffer(zlib.decompress(blob("mask")), "u1").reshape(height, width)
        np.testing.assert_array_equal(dense, mask)  # ids 0 to 4 are their own dense indices


if __name__ == "__main__":
    program.main()
