"""Starting `muster` in tests: a packed tiny data set, a recipe that takes seconds, and what a run printed.

Every script takes the program's path as its first argument: chain_test.py BUILD/bin/muster
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
SAMPLE = SOURCE / "datasets" / "sample"
# MUSTER_FULL_TESTS=1: campaigns at full length, as an issue asked for them; else the short form that every test run takes.
FULL = os.environ.get("MUSTER_FULL_TESTS", "0") == "1"
MUSTER = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else SOURCE / "build" / "dev" / "bin" / "muster"

# vitt16 at 64 px with few queries and points: a step takes well under a second on one core.
TINY = [
    "model=dinov3/vitt16-notpretrained-eomt", "batch_size=4", "transform_args.image_size=[64,64]", "model_args.num_queries=7",
    "model_args.loss_num_points=96", "model_args.lr=1e-3", "model_args.llrd=1.0", "model_args.lr_warmup_steps=[2,4]",
]


def run(*words, timeout=300):
    """The finished process: returncode, stdout, and all that was said in `text`."""
    done = subprocess.run([MUSTER, *map(str, words)], cwd=SOURCE, capture_output=True, text=True, timeout=timeout,
                          env={**os.environ, "OMP_NUM_THREADS": "1"})
    done.text = done.stdout + done.stderr
    return done


def start(*words):
    return subprocess.Popen([MUSTER, *map(str, words)], cwd=SOURCE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            env={**os.environ, "OMP_NUM_THREADS": "1"})


def own_pid(folder):
    """The number to send signals to, of a process in /proc: another than its folder's where /proc belongs to another PID namespace."""
    spaces = [line.split() for line in (folder / "status").read_text().splitlines() if line.startswith("NSpid:")]
    if not spaces:
        raise ProcessLookupError(f"{folder} has ended")
    return int(spaces[0][-1])


def stop_when(process, condition, signal_number, timeout=120):
    """Sends the signal as soon as condition() holds, and returns (exit code, what was said)."""
    deadline = time.monotonic() + timeout
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise AssertionError("the condition never held: " + process.communicate()[0])
        time.sleep(0.005)
    process.send_signal(signal_number)
    said = process.communicate(timeout=timeout)[0]
    return process.returncode, said


class ProgramTest(unittest.TestCase):
    """Has `self.folder`, removed at the end, and `self.data`: some of the sample's tiles, packed."""

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="muster_e2e."))
        cls.sources = cls.folder / "sources"
        for split, count in (("train", 12), ("val", 3)):
            for kind in ("images", "masks"):
                (cls.sources / split / kind).mkdir(parents=True)
                for path in sorted((SAMPLE / split / kind).iterdir())[:count]:
                    shutil.copy(path, cls.sources / split / kind)
        cls.data = cls.folder / "data"
        for split in ("train", "val"):
            done = run("pack", *cls.pack_words(split), f"out={cls.data}")
            if done.returncode != 0:
                raise AssertionError(done.text)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    @classmethod
    def pack_words(cls, split, sources=None):
        root = (sources or cls.sources) / split
        return ["task=semantic_segmentation", f"images={root / 'images'}", f"masks={root / 'masks'}", f"classes={SAMPLE / 'classes.json'}",
                f"split={split}"]

    def train_words(self, out, steps, *more):
        return ["train", *TINY, f"data={self.data}", f"out={out}", f"steps={steps}", *more]

    def check_run(self, *words, code=0, says=()):
        done = run(*words)
        self.assertIn(done.returncode, [code] if isinstance(code, int) else code, done.text)
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, done.text)
        return done


def main():
    unittest.main(argv=sys.argv[:1], verbosity=2)  # also says why a case is skipped
