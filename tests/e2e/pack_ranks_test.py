"""`muster pack` over MPI ranks: the same bytes for any number of them, killed or not; one error for all; the pre-flight report."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import program

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "MUSTER_BUILD": program.MUSTER.parents[1].name}


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


class PackOverRanks(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.alone = cls.folder / "alone"
        done = program.run(*cls.words(cls.alone))
        if done.returncode != 0:
            raise AssertionError(done.text)

    @classmethod
    def words(cls, out, *more, sources=None):
        return ["pack", *cls.pack_words("train", sources), f"out={out}", "shard_bytes=30000", "threads=1", *more]

    def launch(self, ranks, *words):
        done = subprocess.run([program.SOURCE / "launch" / "muster", "-n", str(ranks), *words], cwd=program.SOURCE, env=ENVIRONMENT,
                              capture_output=True, text=True, timeout=200)
        done.text = done.stdout + done.stderr
        return done

    def test_gives_the_same_bytes_for_one_two_and_three_ranks(self):
        wanted = contents(self.alone)
        self.assertGreater(len(wanted), 5)
        for ranks in (1, 2, 3):
            out = self.folder / f"over_{ranks}"
            done = self.launch(ranks, *self.words(out))
            self.assertEqual(done.returncode, 0, done.text)
            self.assertEqual(contents(out), wanted)

    def test_goes_on_after_a_kill_with_another_number_of_ranks(self):
        out = self.folder / "killed"
        for ranks, signal_number in ((3, signal.SIGKILL), (2, signal.SIGTERM)):
            process = subprocess.Popen([program.SOURCE / "launch" / "muster", "-n", str(ranks), *self.words(out)], cwd=program.SOURCE,
                                       env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            shards = len(list(out.glob("*.h5")))
            deadline = time.monotonic() + 60
            while len(list(out.glob("*.h5"))) <= shards and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.002)
            for rank in self.ranks_of(out) if signal_number == signal.SIGKILL else [process.pid]:
                try:
                    os.kill(rank, signal_number)
                except ProcessLookupError:
                    pass  # it has just ended
            said = process.communicate(timeout=100)[0]
            self.assertIn(process.returncode, (0, 75), said)
            if process.returncode == 75:
                self.assertFalse((out / "manifest.json").exists(), said)
        done = self.launch(3, *self.words(out))
        self.assertEqual(done.returncode, 0, done.text)
        self.assertEqual(contents(out), contents(self.alone))

    def ranks_of(self, out):
        """Processes of the program itself that pack into `out`."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes().split(b"\0")
                if f"out={out}".encode() in command and Path(os.fsdecode(command[0])).name == "muster":
                    found.append(program.own_pid(process))
            except OSError:
                continue  # ended meanwhile
        return found

    def test_one_bad_sample_is_one_error_of_the_whole_job(self):
        bad = self.folder / "bad_sources"
        shutil.copytree(self.sources, bad)
        image = sorted((bad / "train/images").iterdir())[7]
        image.write_bytes(image.read_bytes()[:-3000])
        out = self.folder / "bad"
        alone = program.run(*self.words(out, sources=bad))
        self.assertEqual(alone.returncode, 3)
        self.assertIn(image.name, alone.text)
        for ranks in (2, 3):
            done = self.launch(ranks, *self.words(out, sources=bad))
            self.assertEqual(done.returncode, 3, done.text)
            self.assertEqual(done.text.count(image.name), 1, done.text)
            self.assertFalse(out.exists(), "pack left something behind")

    def test_a_dry_run_writes_nothing_and_reports_as_json(self):
        out = self.folder / "dry"
        done = self.launch(2, *self.words(out), "--dry-run", "--json")
        self.assertEqual(done.returncode, 0, done.text)
        report = json.loads(done.stdout)
        self.assertTrue(report["ready"])
        self.assertEqual(report["splits"]["train"]["samples"], 12)
        packed = json.loads((self.alone / "manifest.json").read_text())["splits"]["train"]["stats"]
        self.assertEqual([entry["pixels"] for entry in report["splits"]["train"]["classes"]], packed["class_pixels"])
        self.assertEqual([entry["images"] for entry in report["splits"]["train"]["classes"]], packed["class_images"])
        self.assertFalse(out.exists())

    def test_append_adds_new_images_over_ranks(self):
        grown = self.folder / "grown"
        shutil.copytree(self.sources, grown)
        done = program.run(*self.words(self.folder / "appended", sources=grown))
        self.assertEqual(done.returncode, 0, done.text)
        for kind in ("images", "masks"):
            for path in sorted((program.SAMPLE / "train" / kind).iterdir())[12:16]:
                shutil.copy(path, grown / "train" / kind)
        done = self.launch(2, *self.words(self.folder / "appended", sources=grown))
        self.assertEqual(done.returncode, 2, done.text)
        self.assertIn("4 new images", done.text)
        done = self.launch(2, *self.words(self.folder / "appended", "append=true", sources=grown))
        self.assertEqual(done.returncode, 0, done.text)
        self.assertIn("4 of them new", done.stdout)
        checked = program.run("verify", self.folder / "appended", "level=decode")
        self.assertEqual(checked.returncode, 0, checked.text)


if __name__ == "__main__":
    program.main()
