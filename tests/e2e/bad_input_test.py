"""Bad input gets one clear sentence, the right exit code, and leaves nothing half-written."""

import json
import os
import resource
import shutil
import subprocess

import numpy as np
from PIL import Image

import program


class BadSources(program.ProgramTest):
    def setUp(self):
        self.copy = self.folder / "copy"
        shutil.copytree(self.sources, self.copy)
        self.image = sorted((self.copy / "train/images").iterdir())[0]
        self.mask = self.copy / "train/masks" / f"{self.image.stem}.png"
        self.out = self.folder / "bad_data"

    def tearDown(self):
        shutil.rmtree(self.copy)

    def refuse(self, *says, code=3):
        self.check_run("pack", *self.pack_words("train", self.copy), f"out={self.out}", code=code, says=says)
        self.assertFalse(self.out.exists(), "pack left something behind")

    def test_a_mask_with_an_undeclared_value(self):
        pixels = np.array(Image.open(self.mask))
        pixels[:2, :3] = 77
        Image.fromarray(pixels).save(self.mask)
        self.refuse(self.mask.name, "77", "6 pixel")

    def test_an_image_without_mask(self):
        self.mask.unlink()
        self.refuse(self.image.name, "mask")

    def test_a_mask_of_another_size(self):
        mask = Image.open(self.mask)
        mask.crop((0, 0, mask.width - 1, mask.height)).save(self.mask)
        self.refuse(self.mask.name, str(mask.width - 1))

    def test_a_truncated_jpeg(self):
        self.image.write_bytes(self.image.read_bytes()[:-3000])
        self.refuse(self.image.name)

    def test_a_missing_folder(self):
        shutil.rmtree(self.copy / "train/masks")
        done = program.run("pack", *self.pack_words("train", self.copy), f"out={self.out}")
        self.assertIn(done.returncode, (2, 3), done.text)
        self.assertIn(str(self.copy / "train/masks"), done.text)
        self.assertFalse(self.out.exists())


class BadRecipes(program.ProgramTest):
    def refuse(self, *more, says, code=2):
        out = self.folder / "bad_run"
        self.check_run(*self.train_words(out, 3, *more), code=code, says=says)
        self.assertFalse(out.exists(), "train left something behind")

    def test_an_unknown_key_names_the_nearest(self):
        self.refuse("model_args.num_querys=3", says=["unknown key 'model_args.num_querys'", "did you mean 'model_args.num_queries'"])

    def test_a_wrong_type_and_a_value_out_of_range(self):
        self.refuse("batch_size=many", says=["batch_size", "expected a whole number"])
        self.refuse("steps=-1", says=["steps=-1", "at least 1"])

    def test_missing_data(self):
        self.refuse("data=/nowhere/at/all", says="/nowhere/at/all", code=3)

    def test_a_model_that_needs_weights_which_are_not_there(self):
        self.refuse("model=dinov3/vits16-eomt", says=["dinov3_vits16_pretrain_lvd1689m-08c60483.pth", "backbone_weights"])

    def test_weights_that_are_not_there_are_not_replaced_by_random_ones(self):
        for model in ("dinov3/vitt16-notpretrained-eomt", "dinov3/vits16-eomt"):
            self.refuse(f"model={model}", "model_args.backbone_weights=/nowhere/w.pth", says="model_args.backbone_weights=/nowhere/w.pth: there is no such")
            self.refuse(f"model={model}", "model_args.backbone_url=w.pth", says="no address")

    def test_unknown_and_unfit_models(self):
        self.refuse("model=dinov3/vitt16-notpretraned-eomt", says="dinov3/vitt16-notpretrained-eomt")
        self.refuse("model=dinov3/vitt16-notpretrained", says="no segmentation head")

    def test_a_checkpoint_that_is_not_there(self):
        self.refuse("checkpoint=/nowhere/exported_best.pt", says="/nowhere/exported_best.pt")

    def test_an_unknown_command_and_a_stray_word(self):
        self.check_run("trian", code=2, says="did you mean 'train'")
        self.check_run("train", "nowhere.yaml", code=2, says="there is no recipe nowhere.yaml")
        self.check_run("train", "--fast", code=2, says="--print-config")

    def test_a_folder_that_holds_another_run_or_other_files(self):
        out = self.folder / "taken"
        self.check_run(*self.train_words(out, 2))
        before = (out / "exported_models/exported_last.safetensors").read_bytes()
        self.check_run(*self.train_words(out, 3), code=2, says=["holds another run", "steps is 2 there and 3 here"])
        self.assertEqual((out / "exported_models/exported_last.safetensors").read_bytes(), before)
        other = self.folder / "thesis"
        other.mkdir()
        (other / "thesis.tex").write_text("x")
        self.check_run(*self.train_words(other, 2), code=2, says="holds no run of Muster")
        self.assertEqual(sorted(path.name for path in other.iterdir() if path.name != ".lock"), ["thesis.tex"])

    def test_a_damaged_shard_is_named(self):
        damaged = self.folder / "damaged"
        shutil.copytree(self.data, damaged)
        shard = next(damaged.glob("train-*.h5"))
        content = bytearray(shard.read_bytes())
        for offset in range(len(content) // 2, len(content) - 1, 997):  # some byte of every image in the second half
            content[offset] ^= 1
        shard.write_bytes(content)
        self.check_run("verify", f"data={damaged}", code=3, says=shard.name)
        self.check_run(*self.train_words(self.folder / "on_damaged", 12, f"data={damaged}"), code=3, says=shard.name)

    def test_a_damaged_weight_file_is_named(self):
        out = self.folder / "weights"
        self.check_run(*self.train_words(out, 1))
        file = out / "exported_models/exported_best.safetensors"
        file.write_bytes(file.read_bytes()[:-100])
        self.check_run("eval", f"model={file}", f"data={self.data}", code=3, says=file.name)


class FullDisk(program.ProgramTest):
    """No file may grow beyond 30 MB, so that no checkpoint (71 MB) can be written: what a full disk does, without needing one."""

    def limited(self, *words):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (30_000_000, 30_000_000))
        # restore_signals=False keeps SIGXFSZ ignored, as Python has it: the write fails, the process is not killed.
        return subprocess.run([program.MUSTER, *words], cwd=program.SOURCE, capture_output=True, text=True, timeout=200, preexec_fn=limit,
                              restore_signals=False, env={**os.environ, "OMP_NUM_THREADS": "1"})

    def test_periodic_saves_fail_loudly_training_goes_on_and_the_last_one_ends_with_4(self):
        out = self.folder / "full"
        words = self.train_words(out, 6, "save_checkpoint_args.save_every_num_steps=2", "logger_args.val_every_num_steps=6",
                                 "save_checkpoint_args.save_best=false")
        done = self.limited(*words)
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, 4, said)
        self.assertIn("training goes on", said)
        self.assertIn("bytes free", said.replace("bytes are free", "bytes free"))
        records = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
        self.assertEqual(max(record["step"] for record in records), 6)
        self.assertEqual([path.name for path in (out / "checkpoints").glob("step-*")], [], "an unfinished checkpoint was left")
        self.check_run(*words)  # with room again, the same command succeeds


if __name__ == "__main__":
    program.main()
