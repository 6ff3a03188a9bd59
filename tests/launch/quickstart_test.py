"""launch/quickstart.sh from end to end with few steps, in a checkout of its own whose set-up and build are those of this one.

quickstart_test.py SOURCE MUSTER
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE, MUSTER = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()


class Quickstart(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="muster_quickstart."))
        self.addCleanup(shutil.rmtree, self.folder)
        shutil.copytree(SOURCE / "launch", self.folder / "launch")
        for name in ("setup", "build"):
            (self.folder / f"launch/{name}.sh").write_text("#!/bin/bash\n")
        program = self.folder / "build/dev/bin/muster"
        program.parent.mkdir(parents=True)
        program.symlink_to(MUSTER)
        for name in ("datasets", "configs"):
            (self.folder / name).symlink_to(SOURCE / name)
        self.out = self.folder / "runs/quickstart"

    def quickstart(self, *keys):
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        environment.pop("MUSTER_BUILD", None)
        done = subprocess.run([self.folder / "launch/quickstart.sh", *keys], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=280,
                              stdin=subprocess.DEVNULL, env=environment)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_it_leaves_what_its_summary_promises_and_can_be_run_again(self):
        keys = ("steps=12", "transform_args.image_size=[64,64]", "model_args.loss_num_points=96", "model_args.lr_warmup_steps=[2,4]",
                "logger_args.log_every_num_steps=1")
        said = self.quickstart(*keys)
        self.assertIn("ended with 75: saved", said)
        self.assertIn("resumed after step", said)
        for path in ("contact_sheet.png", "summary.txt", "metrics.jsonl", "train.log", "quickstart.safetensors", "eval/eval.json",
                     "checkpoints/last/COMMIT", "exported_models/exported_best.safetensors", "labels/_muster/classes.yaml"):
            self.assertTrue((self.out / path).exists(), path)
        masks = {path.relative_to(self.out / "labels").with_suffix("") for path in (self.out / "labels").rglob("*.png")
                 if "_muster" not in path.parts}
        images = {path.relative_to(self.out / "to_label").with_suffix("") for path in (self.out / "to_label").rglob("*") if path.is_file()}
        self.assertEqual(masks, images)
        self.assertEqual(len(images), 16 + 4)
        self.assertGreater(len(list((self.out / "labels/_muster/overlays").rglob("*.png"))), 3)
        summary = (self.out / "summary.txt").read_text()
        for text in ("iou/water", "images/s over all ranks", "labelling: 20 images labelled in", "contact_sheet.png"):
            self.assertIn(text, summary)

        (self.out / "left_over").write_text("of the first time")
        said = self.quickstart(*keys)
        self.assertIn("were packed before", said)
        self.assertFalse((self.out / "left_over").exists())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
