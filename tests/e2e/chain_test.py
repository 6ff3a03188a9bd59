"""pack -> train -> eval -> export -> forward -> autolabel, and what each leaves behind."""

import json
import struct

import numpy as np
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import program


def opened(path):
    with Image.open(path) as image:
        image.load()
        return image


def size_of(path):
    return opened(path).size


class Chain(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.run_folder = cls.folder / "run"
        done = program.run(*cls.train_words(cls, cls.run_folder, 12, "logger_args.val_every_num_steps=6", "logger_args.log_every_num_steps=4"))
        if done.returncode != 0:
            raise AssertionError(done.text)
        cls.said = done.text

    def test_a_run_leaves_everything_that_the_documents_promise(self):
        for path in ("checkpoints/last/COMMIT", "checkpoints/best/COMMIT", "exported_models/exported_best.safetensors",
                     "exported_models/exported_last.safetensors", "metrics.jsonl", "eval.json", "train.log", "recipe.yaml", "run.json"):
            self.assertTrue((self.run_folder / path).exists(), path)
        self.assertEqual(len(list(self.run_folder.glob("events.out.tfevents.*"))), 1)
        self.assertIn("weights: random (seed 0)", self.said)
        self.assertIn("weights: random (seed 0)", (self.run_folder / "train.log").read_text())

    def test_metrics_have_a_line_per_record_with_the_promised_names(self):
        records = [json.loads(line) for line in (self.run_folder / "metrics.jsonl").read_text().splitlines()]
        steps = [record for record in records if "loss" in record]
        self.assertEqual([record["step"] for record in steps], [1, 2, 4, 5, 8, 10, 12])
        for record in steps:
            for name in ("epoch", "loss", "loss_mask", "loss_dice", "loss_class", "lr", "grad_norm", "images_per_s", "data_wait"):
                self.assertIn(name, record)
            self.assertAlmostEqual(record["loss"], sum(record[name] for name in ("loss_mask", "loss_dice", "loss_class")), places=4)
        self.assertAlmostEqual(steps[-1]["epoch"], 12 * 4 / 12)
        self.assertEqual([record["step"] for record in records if "val_metric/miou" in record], [6, 12])

    def test_eval_agrees_with_the_run_and_between_run_checkpoint_and_file(self):
        best = json.loads((self.run_folder / "eval.json").read_text())
        scores = []
        for model in (self.run_folder, self.run_folder / "checkpoints/best", self.run_folder / "exported_models/exported_best.safetensors"):
            out = self.folder / "eval"
            self.check_run("eval", f"model={model}", f"data={self.data}", f"out={out}", says="miou")
            scores.append(json.loads((out / "eval.json").read_text()))
        for score in scores:
            self.assertEqual(score["num_images"], 3)
            self.assertEqual(set(score["iou"]), {"building", "land_unpaved", "road", "vegetation", "water"})
            for name in ("miou", "miou_model"):
                self.assertAlmostEqual(score[name], best[name], places=6)

    def test_the_weight_file_describes_itself_and_is_read_by_safetensors(self):
        with safe_open(self.run_folder / "exported_models/exported_best.safetensors", "numpy") as file:
            info = json.loads(file.metadata()["muster"])
            self.assertEqual(file.get_tensor("queries.weight").shape, (7, 192))
            self.assertEqual(file.get_tensor("class_head.weight").shape, (6, 192))
        self.assertEqual(info["model"], "dinov3/vitt16-notpretrained-eomt")
        self.assertIn("vegetation", json.dumps(info["classes"]))

    def test_export_of_a_checkpoint_equals_what_the_run_exported(self):
        out = self.folder / "again.safetensors"
        self.check_run("export", f"model={self.run_folder / 'checkpoints/last'}", f"out={out}")
        ours, theirs = load_file(out), load_file(self.run_folder / "exported_models/exported_last.safetensors")
        self.assertEqual(set(ours), set(theirs))
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)

    def test_forward_gives_every_named_output_for_tensors_and_images(self):
        pixels = np.random.default_rng(0).normal(size=(2, 3, 64, 96)).astype(np.float32)
        save_file({"input": pixels}, self.folder / "input.safetensors")
        out = self.folder / "out.safetensors"
        self.check_run("forward", f"model={self.run_folder}", f"input={self.folder / 'input.safetensors'}", f"out={out}", "train=true")
        outputs = load_file(out)
        shapes = {name: value.shape for name, value in outputs.items()}
        self.assertEqual(shapes["cls"], (2, 192))
        self.assertEqual(shapes["storage"], (2, 4, 192))
        self.assertEqual(shapes["patches"], (2, 4 * 6, 192))
        self.assertEqual(shapes["class_logits"], (2, 7, 6))
        self.assertEqual(shapes["mask_logits"], (2, 7, 16, 24))
        for k in range(3):
            self.assertEqual(shapes[f"class_logits.{k}"], (2, 7, 6))
        image = next((self.sources / "val/images").iterdir())
        self.check_run("forward", "model=dinov3/vitt16-notpretrained", f"input={image}", f"out={out}")
        width, height = size_of(image)
        self.assertEqual(load_file(out)["patches"].shape, (1, (height // 16) * (width // 16), 192))

    def test_one_image_is_labelled_in_class_ids_with_an_overlay(self):
        image = next((self.sources / "val/images").iterdir())
        out = self.folder / "labels"
        self.check_run("autolabel", f"model={self.run_folder}", f"data={image}", f"out={out}", says="overlay")
        mask = opened(out / f"{image.stem}.png")
        self.assertEqual(mask.size, size_of(image))
        self.assertLessEqual(np.asarray(mask).max(), 4)
        overlay = opened(out / "_muster/overlays" / f"{image.stem}.png")
        self.assertEqual((overlay.size, overlay.mode), (mask.size, "RGB"))

    def test_a_finished_run_started_again_says_so_and_changes_no_weights(self):
        weights = self.run_folder / "exported_models/exported_last.safetensors"
        before = weights.read_bytes()
        self.check_run(*self.train_words(self.run_folder, 12, "logger_args.val_every_num_steps=6", "logger_args.log_every_num_steps=4"),
                       says="was finished before")
        self.assertEqual(weights.read_bytes(), before)

    def test_a_new_run_starts_from_these_weights(self):
        done = self.check_run(*self.train_words(self.folder / "tuned", 2, f"checkpoint={self.run_folder}", "reuse_class_head=true"))
        self.assertIn("exported_best.safetensors", done.text)
        self.assertIn("5 classes taken over", done.text)


if __name__ == "__main__":
    program.main()
