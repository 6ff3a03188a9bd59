"""Packing what goes wrong: each bad source, folder and disk gets one sentence that names it, the right exit code, and leaves nothing behind."""

import csv
import ctypes
import fcntl
import io
import json
import os
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import zlib

from PIL import Image

import program

LIBC = ctypes.CDLL(None, use_errno=True)


def heed_permissions():
    """Before exec: root, too, is refused what a file's mode refuses its owner."""
    pr_capbset_drop, cap_dac_override, cap_dac_read_search = 24, 1, 2
    for capability in (cap_dac_override, cap_dac_read_search):
        if os.getuid() == 0 and LIBC.prctl(pr_capbset_drop, capability, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width, height):
    """A PNG whose header promises width x height pixels, with a few bytes of data."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(bytes(1000))) + png_chunk(b"IEND", b"")


def headers_of_bombs():
    """{file name: bytes}: headers of 60000 x 60000 pixels or what the format can say, in every format that holds numbers that large."""
    side = 60000
    bmp = b"BM" + struct.pack("<IHHI", 1000, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0) + bytes(946)
    tags = [(256, 4, side), (257, 4, side), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 200), (277, 3, 1), (278, 4, side), (279, 4, 800)]
    tiff = b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    tiff = (tiff + bytes(4)).ljust(1000, b"\0")
    jpeg = io.BytesIO()
    Image.new("L", (64, 64)).save(jpeg, format="JPEG")
    jpeg = bytearray(jpeg.getvalue())
    struct.pack_into(">HH", jpeg, jpeg.index(b"\xff\xc0") + 5, side, side)
    canvas = (16383).to_bytes(3, "little")  # 2^14 a side is what WebP allows
    vp8x = b"VP8X" + struct.pack("<II", 10, 0) + canvas + canvas
    webp = b"RIFF" + struct.pack("<I", 4 + len(vp8x) + 100) + b"WEBP" + vp8x + bytes(100)
    return {"b.png": bomb(side, side), "b.bmp": bmp, "b.tif": tiff, "b.jpg": jpeg, "b.webp": webp, "b.ppm": b"P6 60000 60000 255\nxxxx",
            "b.pgm": b"P5 60000 60000 65535\nxxxx"}


def peak_bytes(*words):
    """(exit code, the most memory that the program held) of a run of its own."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([program.MUSTER, *map(str, words)], cwd=program.SOURCE, stdout=said, stderr=said, env={**os.environ, "OMP_NUM_THREADS": "1"})
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        return process.returncode, usage.ru_maxrss * 1024, said.read().decode(errors="replace")


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


class Sources(program.ProgramTest):
    def setUp(self):
        self.work = self.folder / self.id().split(".")[-1][:40]
        self.copy = self.work / "sources"
        shutil.copytree(self.sources, self.copy)
        self.images, self.masks = self.copy / "train/images", self.copy / "train/masks"
        self.image = sorted(self.images.iterdir())[3]
        self.mask = self.masks / f"{self.image.stem}.png"
        self.out = self.work / "packed"

    def words(self, *more):
        return ["pack", *self.pack_words("train", self.copy), f"out={self.out}", *more]

    def refuse(self, *says, code=3, more=()):
        done = self.check_run(*self.words(*more), code=code, says=says)
        self.assertFalse(self.out.exists(), "pack left something behind")
        return done

    def skipped(self, *more):
        """Reasons by key, with on_error=skip."""
        done = subprocess.run([program.MUSTER, *self.words("on_error=skip", "max_skipped=0.5", *more)], cwd=program.SOURCE, capture_output=True,
                              timeout=60)  # bytes: names may be no UTF-8
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check_run("verify", f"data={self.out}", "level=decode")
        with open(self.out / "skipped.csv", newline="", encoding="utf-8", errors="surrogateescape") as lines:
            return {row["path"]: row["reason"] for row in csv.DictReader(lines)}

    def many(self, copies=19):
        """12 images and so many copies of each, so that packing takes a while."""
        for folder in (self.images, self.masks):
            for path in sorted(folder.iterdir()):
                for number in range(copies):
                    shutil.copy(path, folder / f"{path.stem}+{number}{path.suffix}")


class BadFiles(Sources):
    def test_an_empty_file(self):
        self.image.write_bytes(b"")
        self.refuse(str(self.image))
        self.assertEqual(list(self.skipped()), [self.image.name])

    def test_an_empty_mask(self):
        self.mask.write_bytes(b"")
        self.refuse(str(self.mask))

    def test_a_text_that_is_called_an_image(self):
        self.image.write_text("no image at all\n")
        self.refuse(str(self.image))
        self.assertEqual(list(self.skipped()), [self.image.name])

    def test_a_mask_that_is_a_jpeg_under_another_name(self):
        Image.open(self.mask).convert("L").save(self.mask, format="JPEG")
        self.refuse(str(self.mask), "JPEG")

    def test_pages_behind_the_first_are_told(self):
        pages = [Image.new("L", (20, 10), 40 * page) for page in range(3)]
        folder = self.work / "pages"
        folder.mkdir()
        pages[0].save(folder / "three.tif", save_all=True, append_images=pages[1:])
        pages[0].save(folder / "three.webp", save_all=True, append_images=pages[1:], lossless=True)
        pages[0].save(folder / "one.tif")
        words = ["pack", "task=pretrain", f"images={folder}", f"out={self.out}", "--dry-run"]
        self.check_run(*words, says="2 images hold several pages or frames, of which the first is packed, such as three.tif")
        report = json.loads(self.check_run(*words, "--json").stdout)
        self.assertEqual(report["splits"]["train"]["several_pages"], 2)

    def test_tables_and_annotations_that_are_empty(self):
        table = self.work / "labels.csv"
        table.write_bytes(b"")
        self.check_run("pack", "task=image_classification", f"csv={table}", f"out={self.out}", code=(2, 3), says=str(table))
        self.assertFalse(self.out.exists())
        annotations = self.work / "panoptic.json"
        annotations.write_bytes(b"")
        self.check_run("pack", "task=panoptic_segmentation", f"images={self.images}", f"masks={self.masks}", f"annotations={annotations}",
                       f"out={self.out}", code=(2, 3), says=str(annotations))
        self.assertFalse(self.out.exists())
        classes = self.work / "classes.json"
        classes.write_bytes(b"")
        self.check_run(*[word for word in self.words() if not word.startswith("classes=")], f"classes={classes}", code=(2, 3), says=str(classes))
        self.assertFalse(self.out.exists())

    def test_an_image_with_the_extension_of_another_format_is_packed_by_what_it_is(self):
        self.check_run(*self.words())
        before = json.loads((self.out / "manifest.json").read_text())["splits"]["train"]["stats"]
        self.image.rename(self.image.with_suffix(".png"))
        self.out = self.work / "renamed"
        self.check_run(*self.words())
        self.assertEqual(json.loads((self.out / "manifest.json").read_text())["splits"]["train"]["stats"], before)

    def test_what_is_wrong_is_told_as_json_too(self):
        self.image.write_bytes(self.image.read_bytes()[:-3000])
        done = self.refuse(more=["--json"])
        told = json.loads(done.stdout)
        self.assertIn(self.image.name, told["error"])
        split = told["preflight"]["splits"]["train"]
        self.assertEqual([(problem["kind"], problem["key"]) for problem in split["problem_list"]], [("unreadable", self.image.name)])
        self.assertFalse(told["preflight"]["ready"])
        self.assertIn(self.image.name, done.stderr)

    def test_a_short_packing_tells_its_rate(self):
        done = self.check_run(*self.words())
        self.assertRegex(done.stdout, r"packed \d+ classes into .*, \d+ files/s, \d+\.\d MB/s\n")

    def test_a_decompression_bomb_is_refused_by_its_header_without_taking_memory(self):
        for name in ("images", "masks"):
            with self.subTest(name):
                shutil.rmtree(self.copy)
                shutil.copytree(self.sources, self.copy)
                path = self.image.with_suffix(".png") if name == "images" else self.mask
                self.image.unlink() if name == "images" else None
                path.write_bytes(bomb(60000, 60000))

                def limit():
                    resource.setrlimit(resource.RLIMIT_DATA, (2 << 30, 2 << 30))  # 60000 x 60000 x 3 bytes are 10.8 GB
                done = subprocess.run([program.MUSTER, *self.words()], capture_output=True, text=True, timeout=60, preexec_fn=limit, cwd=program.SOURCE)
                self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
                self.assertIn(str(path), done.stderr + done.stdout)
                self.assertIn("60000", done.stderr + done.stdout)
                self.assertFalse(self.out.exists())

    def test_bombs_of_every_format_are_refused_without_taking_memory(self):
        alone = self.work / "alone"
        alone.mkdir()
        shutil.copy(self.image, alone)
        words = ["pack", "task=pretrain", f"images={alone}", f"out={self.out}", "on_error=fail"]
        code, usual, said = peak_bytes(*words)
        self.assertEqual(code, 0, said)
        shutil.rmtree(self.out)
        for name, content in headers_of_bombs().items():
            with self.subTest(name):
                (alone / name).write_bytes(content)
                code, peak, said = peak_bytes(*words)
                self.assertEqual(code, 3, said)
                self.assertRegex(said, rf"{alone / name}: (60000 x 60000|16384 x 16384) pixels are more than the 200000000")
                self.assertLess(peak, usual + 100e6, "memory was taken for pixels that are not there")
                self.assertFalse(self.out.exists())
                (alone / name).unlink()

    def test_chunks_that_swell_to_300_mb_take_no_memory(self):
        """Small PNG files whose texts, colour profile or pixels inflate to far more than the image has."""
        alone = self.work / "swelling"
        alone.mkdir()
        shutil.copy(self.image, alone)
        words = ["pack", "task=pretrain", f"images={alone}", f"out={self.out}", "on_error=skip", "max_skipped=1"]
        code, usual, said = peak_bytes(*words)
        self.assertEqual(code, 0, said)
        shutil.rmtree(self.out)
        deflate = zlib.compressobj(1)
        swelling = b"".join(deflate.compress(bytes(1 << 20)) for _ in range(300)) + deflate.flush()
        start = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0))
        end = png_chunk(b"IDAT", zlib.compress(bytes(16 * 49))) + png_chunk(b"IEND", b"")
        (alone / "text.png").write_bytes(start + png_chunk(b"zTXt", b"note\0\0" + swelling) + end)
        (alone / "profile.png").write_bytes(start + png_chunk(b"iCCP", b"note\0\0" + swelling) + end)
        (alone / "international.png").write_bytes(start + png_chunk(b"iTXt", b"note\0\1\0\0\0" + swelling) + end)
        (alone / "pixels.png").write_bytes(start + png_chunk(b"IDAT", swelling) + png_chunk(b"IEND", b""))
        code, peak, said = peak_bytes(*words)
        self.assertEqual(code, 0, said)
        self.assertLess(peak, usual + 100e6)
        self.check_run("verify", f"data={self.out}", "level=decode")

    def test_equal_names_but_for_the_extension(self):
        other = self.image.with_suffix(".jpeg")
        shutil.copy(self.image, other)
        self.refuse(self.image.name, other.name, "on_collision=keep_extension")
        for image in (self.image, other):
            shutil.copy(self.mask, self.masks / f"{image.name}.png")
        self.check_run(*self.words("on_collision=keep_extension"), says="13 samples")

    def test_a_name_that_is_no_utf8(self):
        for folder, path in ((self.images, self.image), (self.masks, self.mask)):
            os.rename(os.fsencode(path), os.fsencode(folder) + b"/\xe9t\xe9" + os.fsencode(path.suffix))
        done = subprocess.run([program.MUSTER, *self.words()], capture_output=True, timeout=60, cwd=program.SOURCE)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertRegex(done.stderr + done.stdout, rb"t\S*%s: the name is not UTF-8; rename the file" % re.escape(os.fsencode(self.image.suffix)))
        self.assertFalse(self.out.exists())
        self.assertEqual(len(self.skipped()), 1)

    def test_a_folder_whose_name_is_no_utf8(self):
        """A class, and a folder within the folder of images."""
        root = os.fsencode(self.work) + b"/classes"
        for name in (b"cat", b"\xe9t\xe9"):
            os.makedirs(root + b"/" + name)
            shutil.copy(os.fsencode(self.image), root + b"/" + name)
        done = subprocess.run([program.MUSTER, "pack", "task=image_classification", b"images=" + root, f"out={self.out}"], capture_output=True,
                              timeout=60, cwd=program.SOURCE)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertRegex(done.stderr + done.stdout, rb"the name of the class .* is not UTF-8; rename it")
        done = subprocess.run([program.MUSTER, "pack", "task=pretrain", "on_error=fail", b"images=" + root, f"out={self.out}"], capture_output=True,
                              timeout=60, cwd=program.SOURCE)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn(b"the name is not UTF-8; rename the file", done.stderr + done.stdout)
        self.assertFalse(self.out.exists())

    def test_links_are_followed_and_loops_are_cut(self):
        (self.images / "again").symlink_to(self.images)
        (self.images / "gone.jpg").symlink_to(self.images / "nowhere.jpg")
        (self.images / "itself.jpg").symlink_to("itself.jpg")
        real = self.work / "elsewhere.jpg"
        self.image.rename(real)
        self.image.symlink_to(real)
        self.check_run(*self.words(), says="12 samples")

    def test_folders_that_link_to_each_other_end(self):
        """Each folder is searched below each other once, not for ever; links to links that go round are no files."""
        flat = self.work / "flat"
        for name, image in zip("ab", sorted(self.images.iterdir())):
            (flat / name).mkdir(parents=True)
            shutil.copy(image, flat / name)
        (flat / "a/to_b").symlink_to("../b")
        (flat / "b/to_a").symlink_to("../a")
        (flat / "a/up").symlink_to("..")
        (flat / "a/ping.jpg").symlink_to("pong.jpg")
        (flat / "a/pong.jpg").symlink_to("ping.jpg")
        (flat / "b/self").symlink_to(".")
        done = subprocess.run([program.MUSTER, "pack", "task=pretrain", f"images={flat}", f"out={self.out}", "--json"], cwd=program.SOURCE,
                              capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        manifest = json.loads((self.out / "manifest.json").read_text())
        self.assertIn(manifest["splits"]["train"]["num_samples"], range(2, 7))
        self.check_run("verify", f"data={self.out}", "level=decode")

    def test_all_problems_are_told_at_once(self):
        names = sorted(self.images.iterdir())
        names[0].write_bytes(b"")
        (self.masks / f"{names[1].stem}.png").unlink()
        names[2].write_bytes(names[2].read_bytes()[:50])
        self.refuse(*(path.name for path in names[:3]))

    def pack_halted(self, change, *more):
        """Packs, halts the program when two shards are there, calls change(), and lets it go on; returns (code, what was said)."""
        self.many(copies=9)
        process = program.start(*self.words("shard_bytes=20000", "threads=1", "preflight=headers", *more))
        deadline = time.monotonic() + 60
        while not (self.out / "train-00001.h5").exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.001)
        process.send_signal(signal.SIGSTOP)
        packed = len(list(self.out.glob("train-*.h5")))
        change()
        process.send_signal(signal.SIGCONT)
        said = process.communicate(timeout=60)[0]
        self.assertTrue(2 <= packed < 60, f"{packed} shards when the program was halted: {said}")
        self.assertEqual((self.out / "manifest.json").exists(), process.returncode == 0, said)
        return process.returncode, said

    def test_files_that_vanish_while_packing(self):
        code, said = self.pack_halted(lambda: [path.unlink() for path in self.images.iterdir()])
        self.assertEqual(code, 3, said)
        self.assertRegex(said, r"cannot open \S*images/\S+\.jpg")

    def test_files_that_vanish_while_packing_are_left_out_when_asked(self):
        gone = []

        def change():
            gone.extend(self.images.glob("*+3.jpg"))
            for path in gone:
                path.unlink()
        code, said = self.pack_halted(change, "on_error=skip", "max_skipped=0.5")
        self.assertEqual(code, 0, said)
        with open(self.out / "skipped.csv", newline="", encoding="utf-8") as lines:
            left_out = {row["path"]: row["reason"] for row in csv.DictReader(lines)}
        self.assertGreaterEqual(len(left_out), 8)  # of 12; others were in the shards that were finished
        self.assertLessEqual(set(left_out), {path.name for path in gone})
        self.assertTrue(all("No such file" in reason for reason in left_out.values()), left_out)
        split = json.loads((self.out / "manifest.json").read_text())["splits"]["train"]
        self.assertEqual(split["num_samples"], 120 - len(left_out))
        self.check_run("verify", f"data={self.out}", "level=decode", says=f"{120 - len(left_out)} samples, 0 problems")

    def test_files_that_change_while_packing(self):
        code, said = self.pack_halted(lambda: [path.write_bytes(path.read_bytes() + b"x") for path in self.images.iterdir()])
        self.assertEqual(code, 3, said)
        self.assertIn("when packing began", said)


class BadPlaces(Sources):
    def limited(self, preexec):
        # restore_signals=False keeps SIGXFSZ ignored, as Python has it: the write fails, the process is not killed.
        done = subprocess.run([program.MUSTER, *self.words("shard_bytes=100000")], cwd=program.SOURCE, capture_output=True, text=True, timeout=200,
                              preexec_fn=preexec, restore_signals=False)
        done.text = done.stdout + done.stderr
        return done

    def test_a_full_disk_names_the_shard_and_room_lets_the_same_command_go_on(self):
        """No file may grow beyond 60 kB: what a full disk does, without needing one."""
        done = self.limited(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)))
        self.assertEqual(done.returncode, 3, done.text)
        self.assertIn("train-0000", done.text)
        self.assertIn("free", done.text)
        self.assertEqual(list(self.work.rglob("*.h5*")), [], "an unfinished shard was left")
        self.check_run(*self.words("shard_bytes=100000"))
        self.check_run("verify", f"data={self.out}", "level=decode")

    def test_a_disk_that_fills_up_in_between_keeps_the_finished_shards(self):
        """No file may grow beyond 300 kB. One image is larger, and comes behind some others."""
        noise = random.Random(0).randbytes(3 * 400 * 400)
        Image.frombytes("RGB", (400, 400), noise).save(self.images / "noise.png")
        Image.new("L", (400, 400)).save(self.masks / "noise.png")
        for seed in range(10):  # the order of a training split is drawn
            words = ["shard_bytes=1", f"seed={seed}"]
            self.check_run(*self.words(*words))
            whole = contents(self.out)
            shutil.rmtree(self.out)
            shards = sorted(name for name in whole if name.startswith("train-"))
            stop = max(range(len(shards)), key=lambda k: len(whole[shards[k]]))
            if stop >= 2:
                break
        done = subprocess.run([program.MUSTER, *self.words(*words, "threads=1")], cwd=program.SOURCE, capture_output=True, text=True, timeout=200,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000)), restore_signals=False)
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, 3, said)
        self.assertRegex(said, rf"{shards[stop]}[^:]*: File too large \(errno 27\); \d+ bytes are free there")
        kept = {path.name: path.read_bytes() for path in self.out.glob("train-*.h5")}
        self.assertEqual(kept, {name: whole[name] for name in shards[:stop]}, said)
        self.assertFalse((self.out / "manifest.json").exists())
        self.assertEqual(list(self.out.glob("*.tmp.*")), [])
        self.check_run(*self.words(*words))
        self.assertEqual(contents(self.out), whole)

    def on_small_disk(self, size, script, *words, timeout=100):
        """Runs the bash script, with `muster WORDS` as its "$@" and the folder of a tmpfs of `size` bytes as $disk. Skips the test where
        this machine lets nobody mount one."""
        disk = self.work / "disk"
        disk.mkdir(exist_ok=True)
        refused = []
        for unshare in (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"]):
            try:
                tried = subprocess.run([*unshare, "mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], capture_output=True, text=True, timeout=20)
            except FileNotFoundError:
                self.skipTest("there is no `unshare` here, so no disk of a chosen size")
            if tried.returncode == 0:
                break
            self.assertRegex(tried.stderr, "(?i)permi|denied|superuser", "no mount for another reason than permission")
            refused.append(tried.stderr.strip())
        else:
            self.skipTest("no tmpfs may be mounted here: " + "; ".join(refused))
        command = f'disk="{disk}"; mount -t tmpfs -o size={size} none "$disk" || exit 99\n{script}'
        done = subprocess.run([*unshare, "bash", "-c", command, "bash", str(program.MUSTER), *words], cwd=program.SOURCE, capture_output=True,
                              text=True, timeout=timeout, env={**os.environ, "OMP_NUM_THREADS": "1"})
        self.assertNotEqual(done.returncode, 99, done.stderr)
        done.text = done.stdout + done.stderr
        return done

    def test_a_file_system_too_small_for_the_images_is_told_before_anything_is_written(self):
        self.out = self.work / "disk" / "packed"
        size = sum(path.stat().st_size for path in self.images.iterdir()) // 2
        done = self.on_small_disk(size, '"$@"; code=$?; echo "left: $(ls -A "$disk")."; exit $code', *self.words())
        self.assertEqual(done.returncode, 3, done.text)
        self.assertRegex(done.text, r"the shards need about [\d.]+ MB, and [\d.]+ MB are free there")
        self.assertIn("left: .", done.stdout)

    def test_a_file_system_that_another_fills_while_shards_are_written(self):
        """The program is halted behind two shards, the disk filled to its last byte, and the program goes on: the kernel says ENOSPC. With
        room again the same command goes on behind the shards that were finished."""
        self.many(copies=4)
        words = ["shard_bytes=20000", "threads=1", "preflight=headers"]
        self.check_run(*self.words(*words))
        whole = contents(self.out)
        self.out = self.work / "disk" / "packed"
        done = self.on_small_disk(4 * sum(map(len, whole.values())), f"""
            "$@" > "{self.work}/first" 2>&1 & pid=$!
            until [ -e "$disk/packed/train-00001.h5" ] || ! kill -0 $pid 2>/dev/null; do sleep 0.001; done
            kill -STOP $pid
            echo "halted: $(ls "$disk/packed" | grep -c '^train-.*\\.h5$')"
            cat /dev/zero > "$disk/filler" 2>/dev/null
            echo "free: $(stat -f -c %a "$disk")"
            kill -CONT $pid; wait $pid; echo "code: $?"
            echo "kept: $(cd "$disk/packed" && ls | tr '\\n' ' ')"
            rm "$disk/filler"
            "$@" > "{self.work}/again" 2>&1; echo "again: $?"
            cp -r "$disk/packed" "{self.work}/resumed" """, *self.words(*words))
        told = dict(line.split(": ", 1) for line in done.stdout.splitlines())
        first = (self.work / "first").read_text()
        self.assertTrue(2 <= int(told["halted"]) < 50, done.text)
        self.assertEqual(told["free"], "0", "the disk was not full")
        self.assertEqual(told["code"], "3", first)
        self.assertRegex(first, r"train-\d{5}[^:]*: No space left on device \(errno 28\); 0 bytes are free there")
        kept = told["kept"].split()
        self.assertGreaterEqual(len([name for name in kept if name.endswith(".h5")]), 2, kept)
        self.assertIn("plan.json", kept)
        self.assertNotIn("manifest.json", kept)
        self.assertEqual([name for name in kept if ".tmp." in name], [])
        self.assertEqual(told["again"], "0", (self.work / "again").read_text())
        self.assertEqual(contents(self.work / "resumed"), whole)

    def test_file_systems_of_all_sizes_around_what_is_needed(self):
        """Whatever is the first that finds no room (a shard, a note, the index, the manifest): exit code 3 and the kernel's reason, or a whole set."""
        words = ["shard_bytes=100000", "threads=1"]
        self.check_run(*self.words(*words))
        whole = contents(self.out)
        pages = sum(-(-len(data) // 4096) for data in whole.values())
        self.out = self.work / "disk" / "packed"
        images = sum(path.stat().st_size for path in self.images.iterdir()) // 4096
        sizes = [images, (images + pages) // 2, pages, pages + 12, pages + 200]
        done = self.on_small_disk(4096, f"""
            for pages in {' '.join(map(str, sizes))}; do
                mount -o remount,size=$((pages * 4096)) none "$disk" || exit 99
                said=$("$@" 2>&1); code=$?
                echo "$pages $code $([ -e "$disk/packed/manifest.json" ] && echo whole || echo none) $(ls "$disk/packed" 2>/dev/null | grep -c tmp) $(echo $said)"
                [ $code = 0 ] && cp -r "$disk/packed" "{self.work}/of_$pages"
                rm -rf "$disk"/*
            done""", *self.words(*words))
        self.assertEqual(done.returncode, 0, done.text)
        outcomes = []
        for line in done.stdout.splitlines():
            size, code, manifest, temporary, said = line.split(" ", 4)
            with self.subTest(pages=size):
                self.assertEqual(temporary, "0", said)
                if code == "0":
                    self.assertEqual(contents(self.work / f"of_{size}"), whole)
                    outcomes.append("whole")
                    continue
                self.assertEqual((code, manifest), ("3", "none"), said)
                self.assertRegex(said, "No space left on device|MB are free there")
                outcomes.append("full" if "No space left on device" in said else "told")
        self.assertEqual(len(outcomes), len(sizes), done.text)
        self.assertIn("full", outcomes, "no size was met where the disk filled up")
        self.assertEqual(outcomes[-1], "whole", done.stdout)

    def test_a_folder_that_may_not_be_written(self):
        closed = self.work / "closed"
        closed.mkdir()
        closed.chmod(0o555)
        self.out = closed / "packed"
        done = self.limited(heed_permissions)
        self.assertEqual(done.returncode, 3, done.text)
        self.assertIn(str(self.out), done.text)
        self.assertIn("Permission denied", done.text)
        self.assertEqual(list(closed.iterdir()), [])

    def test_sources_that_may_not_be_read(self):
        self.image.chmod(0)
        done = self.limited(heed_permissions)
        self.assertEqual(done.returncode, 3, done.text)
        self.assertIn(str(self.image), done.text)
        self.image.chmod(0o644)
        locked = self.images / "locked"
        locked.mkdir()
        locked.chmod(0)
        done = self.limited(heed_permissions)
        locked.chmod(0o755)
        self.assertEqual(done.returncode, 3, done.text)
        self.assertIn(f"cannot read the folder {locked}", done.text)

    def test_a_read_only_file_system(self):
        """Nothing is packed there; what was packed before is read from there."""
        self.check_run(*self.words())
        packed, self.out = self.out, self.work / "disk" / "packed"
        done = self.on_small_disk(8 << 20, f"""
            cp -r "{packed}" "$disk/before" && mount -o remount,ro none "$disk" || exit 99
            "$@"; echo "code: $?"; echo "there: $(ls -A "$disk")"
            "$1" verify "$disk/before" level=decode; echo "verify: $?"
            "$1" info "$disk/before" "contact_sheet={self.work}/sheet.png" split=train; echo "info: $?" """, *self.words())
        self.assertIn("code: 3", done.stdout, done.text)
        self.assertRegex(done.text, rf"{self.out}\S*: Read-only file system")
        self.assertIn("there: before\n", done.stdout)
        self.assertIn("verify: 0", done.stdout, done.text)
        self.assertIn("info: 0", done.stdout, done.text)

    def test_a_folder_where_another_packs(self):
        self.out.mkdir()
        holder = os.open(self.out, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.check_run(*self.words(), code=2, says="another muster pack is writing there")
        self.assertEqual(list(self.out.iterdir()), [])
        os.close(holder)
        self.check_run(*self.words())

    def test_a_folder_that_holds_something_else(self):
        self.out.mkdir()
        (self.out / "thesis.tex").write_text("x")
        self.check_run(*self.words(), code=2, says=["thesis.tex", "choose a new folder"])
        self.assertEqual([path.name for path in self.out.iterdir()], ["thesis.tex"])

    def test_a_stopped_packing_ends_with_75_and_goes_on(self):
        process = program.start(*self.words("shard_bytes=1", "threads=1"))
        code, said = program.stop_when(process, lambda: list(self.out.glob("train-00000.h5")), signal.SIGTERM)
        if code == 75:
            self.assertFalse((self.out / "manifest.json").exists())
            self.assertIn("the same command goes on", said)
        else:
            self.assertEqual(code, 0, said)  # it was quicker
        self.check_run(*self.words("shard_bytes=1"))
        self.check_run("verify", f"data={self.out}")


if __name__ == "__main__":
    program.main()
