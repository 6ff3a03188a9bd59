"""Packing what goes wrong: each bad source, folder and disk gets one sentence that names it, the right exit code, and leaves nothing behind."""

import csv
import json
import os
import resource
import shutil
import signal
import struct
import subprocess
import time
import zlib

import program

NOBODY = 65534


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width, height):
    """A PNG whose header promises width x height pixels, with a few bytes of data."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(bytes(1000))) + png_chunk(b"IEND", b"")


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

    def test_an_image_with_the_extension_of_another_format_is_packed_by_what_it_is(self):
        self.check_run(*self.words())
        before = json.loads((self.out / "manifest.json").read_text())["splits"]["train"]["stats"]
        self.image.rename(self.image.with_suffix(".png"))
        self.out = self.work / "renamed"
        self.check_run(*self.words())
        self.assertEqual(json.loads((self.out / "manifest.json").read_text())["splits"]["train"]["stats"], before)

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
        self.assertIn(b"not UTF-8", done.stderr + done.stdout)
        self.assertFalse(self.out.exists())
        self.assertEqual(len(self.skipped()), 1)

    def test_links_are_followed_and_loops_are_cut(self):
        (self.images / "again").symlink_to(self.images)
        (self.images / "gone.jpg").symlink_to(self.images / "nowhere.jpg")
        (self.images / "itself.jpg").symlink_to("itself.jpg")
        real = self.work / "elsewhere.jpg"
        self.image.rename(real)
        self.image.symlink_to(real)
        self.check_run(*self.words(), says="12 samples")

    def test_all_problems_are_told_at_once(self):
        names = sorted(self.images.iterdir())
        names[0].write_bytes(b"")
        (self.masks / f"{names[1].stem}.png").unlink()
        names[2].write_bytes(names[2].read_bytes()[:50])
        self.refuse(*(path.name for path in names[:3]))

    def many(self):
        """240 images, so that packing takes a while."""
        for folder in (self.images, self.masks):
            for path in sorted(folder.iterdir()):
                for number in range(19):
                    shutil.copy(path, folder / f"{path.stem}+{number}{path.suffix}")

    def pack_halted(self, change):
        """Packs, halts the program when two shards are there, calls change(), and lets it go on; returns (code, what was said)."""
        self.many()
        process = program.start(*self.words("shard_bytes=20000", "threads=1", "preflight=headers"))
        deadline = time.monotonic() + 60
        while not (self.out / "train-00001.h5").exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.001)
        process.send_signal(signal.SIGSTOP)
        packed = len(list(self.out.glob("train-*.h5")))
        change()
        process.send_signal(signal.SIGCONT)
        said = process.communicate(timeout=60)[0]
        self.assertTrue(2 <= packed < 100, f"{packed} shards when the program was halted: {said}")
        self.assertFalse((self.out / "manifest.json").exists())
        return process.returncode, said

    def test_files_that_vanish_while_packing(self):
        code, said = self.pack_halted(lambda: [path.unlink() for path in self.images.iterdir()])
        self.assertEqual(code, 3, said)
        self.assertRegex(said, r"cannot open \S*images/\S+\.jpg")

    def test_files_that_change_while_packing(self):
        code, said = self.pack_halted(lambda: [path.write_bytes(path.read_bytes() + b"x") for path in self.images.iterdir()])
        self.assertEqual(code, 3, said)
        self.assertIn("when packing began", said)


class BadPlaces(Sources):
    def limited(self, preexec, **more):
        # restore_signals=False keeps SIGXFSZ ignored, as Python has it: the write fails, the process is not killed.
        done = subprocess.run([program.MUSTER, *self.words("shard_bytes=100000")], cwd=program.SOURCE, capture_output=True, text=True, timeout=200,
                              preexec_fn=preexec, restore_signals=False, **more)
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
        """The largest of the shards does not fit, the others do."""
        self.check_run(*self.words("shard_bytes=1"))
        whole = contents(self.out)
        sizes = sorted(len(data) for name, data in whole.items() if name.startswith("train-"))
        shutil.rmtree(self.out)
        limit = sizes[-1] - 1
        done = subprocess.run([program.MUSTER, *self.words("shard_bytes=1", "threads=1")], cwd=program.SOURCE, capture_output=True, text=True, timeout=200,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)), restore_signals=False)
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
        kept = sorted(path.name for path in self.out.glob("train-*.h5")) if self.out.exists() else []
        self.assertTrue(all(whole[name] == (self.out / name).read_bytes() for name in kept))
        self.assertFalse((self.out / "manifest.json").exists())
        self.check_run(*self.words("shard_bytes=1"))
        self.assertEqual(contents(self.out), whole)

    def test_a_small_file_system(self):
        """A tmpfs, where this machine lets a process mount one in a name space of its own: too small by what the images take, and too
        small by what comes beside them."""
        images = sum(path.stat().st_size for path in self.images.iterdir())
        for size in (images // 2, images + 20_000):
            point = self.work / f"small{size}"
            point.mkdir()
            self.out = point / "packed"
            command = f'mount -t tmpfs -o size={size} none "{point}" || exit 99; "$@"; code=$?; ls -A "{point}"; exit $code'
            done = subprocess.run(["unshare", "--mount", "bash", "-c", command, "bash", str(program.MUSTER), *self.words()], cwd=program.SOURCE,
                                  capture_output=True, text=True, timeout=100)
            if done.returncode in (1, 99) and "muster" not in done.stderr:
                self.assertRegex(done.stderr, "(?i)permi|denied|failed", "no mount for another reason")
                return  # the two tests above stand in for it
            self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
            self.assertRegex(done.stderr + done.stdout, "No space left on device|MB are free there")
            self.assertNotIn("packed", done.stdout.split(), "something was left on the small disk")

    def test_a_folder_that_may_not_be_written(self):
        closed = self.work / "closed"
        closed.mkdir()
        closed.chmod(0o555)
        self.out = closed / "packed"
        identity = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
        for folder in (self.folder, self.work):
            folder.chmod(0o755)
        done = self.limited(None, **identity)
        self.assertEqual(done.returncode, 3, done.text)
        self.assertIn(str(self.out), done.text)
        self.assertIn("Permission denied", done.text)
        self.assertEqual(list(closed.iterdir()), [])

    def test_sources_that_may_not_be_read(self):
        for folder in (self.folder, self.work):
            folder.chmod(0o755)
        self.out = self.work / "open" / "packed"
        self.out.parent.mkdir()
        self.out.parent.chmod(0o777)
        identity = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
        self.image.chmod(0)
        done = self.limited(None, **identity)
        self.assertEqual(done.returncode, 3, done.text)
        self.assertIn(str(self.image), done.text)
        self.image.chmod(0o644)
        locked = self.images / "locked"
        locked.mkdir()
        locked.chmod(0)
        done = self.limited(None, **identity)
        locked.chmod(0o755)
        self.assertEqual(done.returncode, 3, done.text)
        self.assertIn(f"cannot read the folder {locked}", done.text)

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
