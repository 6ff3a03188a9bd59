"""Published weights: where a run finds them, what it says, and what import, export, info and models make of them."""

import json
import os
import shutil
import subprocess

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import program
import weight_files

META = "dinov3_vitt16_distillationv2.pth"  # vitt16's name in the cache
# The backbone's learning rate is exactly 0 in the first two steps: its weights stay the file's to the last bit.
FROM_CACHE = ["model=dinov3/vitt16-eomt", "model_args.cap_warmup=false"]


class Weights(program.ProgramTest):
    """Has a cache with a file of vitt16, and a run of two steps that started from it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cache = cls.folder / "cache"
        cls.cache.mkdir()
        os.environ["MUSTER_MODEL_CACHE"] = str(cls.cache)
        cls.meta = weight_files.dinov3()
        weight_files.save_pth(cls.cache / META, cls.meta)
        pixels = np.random.default_rng(0).normal(size=(1, 3, 64, 64)).astype(np.float32)
        cls.input = cls.folder / "input.safetensors"
        save_file({"input": pixels}, cls.input)
        cls.run_folder = cls.folder / "run"
        done = program.run(*cls.train_words(cls, cls.run_folder, 2, *FROM_CACHE))
        if done.returncode != 0:
            raise AssertionError(done.text)
        cls.said = done.text

    @classmethod
    def tearDownClass(cls):
        os.environ.pop("MUSTER_MODEL_CACHE")
        super().tearDownClass()

    def forward(self, model, *more, says=()):
        out = self.folder / "out.safetensors"
        self.check_run("forward", f"model={model}", f"input={self.input}", f"out={out}", *more, says=says)
        return load_file(out)

    def check_same(self, ours, theirs, tolerance=0.0):
        self.assertEqual(set(ours), set(theirs))
        for name in ours:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=0, atol=tolerance, err_msg=name)

    def exported(self):
        return self.run_folder / "exported_models/exported_last.safetensors"

    # Where weights come from

    def test_training_takes_the_backbone_from_the_cache_and_draws_the_head(self):
        self.assertIn(f"weights: {self.cache / META} (Meta DINOv3, xxh3 ", self.said)
        self.assertIn("queries, class head, mask head and upscaling start afresh", self.said)
        trained = load_file(self.exported())
        for name, value in self.meta.items():
            np.testing.assert_array_equal(trained["backbone." + name], value, err_msg=name)
        self.assertEqual(trained["queries.weight"].shape, (7, 192))

    def test_a_run_goes_on_without_the_file_that_it_started_from(self):
        hidden = self.folder / "hidden"
        (self.cache / META).rename(hidden)
        try:
            self.check_run(*self.train_words(self.run_folder, 2, *FROM_CACHE), says="was finished before")
            self.check_run(*self.train_words(self.folder / "new", 2, *FROM_CACHE), code=2,
                           says=[META, str(self.cache), "muster models fetch dinov3/vitt16", "dinov3/vitt16-notpretrained-eomt"])
        finally:
            hidden.rename(self.cache / META)
        self.assertFalse((self.folder / "new").exists())

    def test_two_ranks_start_from_the_same_file_and_say_so_once(self):
        out = self.folder / "two"
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MUSTER_BUILD": program.MUSTER.parents[1].name}
        done = subprocess.run([program.SOURCE / "launch/muster", "-n", "2", *self.train_words(out, 1, *FROM_CACHE)], cwd=program.SOURCE, env=environment,
                              capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual((done.stdout + done.stderr).count(f"weights: {self.cache / META}"), 1)
        trained = load_file(out / "exported_models/exported_last.safetensors")
        np.testing.assert_array_equal(trained["backbone.blocks.3.mlp.fc1.weight"], self.meta["blocks.3.mlp.fc1.weight"])

    def test_a_run_with_a_file_of_its_own_or_a_staged_address(self):
        other = self.folder / "own.pth"
        own = weight_files.dinov3(seed=1)
        weight_files.save_pth(other, own)
        for out, key, value in (("by_file", "backbone_weights", other), ("by_url", "backbone_url", "https://example.org/weights/staged.pth")):
            if key == "backbone_url":
                self.check_run(*self.train_words(self.folder / out, 1, *FROM_CACHE, f"model_args.{key}={value}"), code=2,
                               says=[str(self.cache / "staged.pth"), f"muster models fetch '{value}'"])
                shutil.copy(other, self.cache / "staged.pth")
            self.check_run(*self.train_words(self.folder / out, 1, *FROM_CACHE, f"model_args.{key}={value}"))
            trained = load_file(self.folder / out / "exported_models/exported_last.safetensors")
            np.testing.assert_array_equal(trained["backbone.cls_token"], own["cls_token"])

    def test_a_gated_file_that_is_not_there_is_explained(self):
        self.check_run("forward", "model=dinov3/vits16", f"input={self.input}", f"out={self.folder / 'out.safetensors'}", code=2,
                       says=["dinov3_vits16_pretrain_lvd1689m-08c60483.pth", "gated", "https://huggingface.co/facebook/dinov3-vits16-pretrain-lvd1689m",
                             "by hand"])

    def test_a_name_a_file_and_an_import_give_the_same_features(self):
        by_name = self.forward("dinov3/vitt16", says="weights: ")
        self.check_same(by_name, self.forward(self.cache / META))
        imported = self.folder / "imported.safetensors"
        self.check_run("import", "dinov3/vitt16", f"out={imported}", says=["Meta DINOv3", "dinov3/vitt16, 5492160 parameters", "xxh3 "])
        self.check_same(by_name, self.forward(imported))
        self.assertIn("mask_logits", self.forward("dinov3/vitt16-eomt", says="the head is random"))

    def test_weights_in_bf16_are_used_as_they_are_and_results_are_fp32(self):
        half = self.folder / "bf16.safetensors"
        self.check_run("import", self.cache / META, f"out={half}", "dtype=bf16")
        with safe_open(half, "np") as file:
            self.assertEqual(file.get_slice("backbone.blocks.0.attn.qkv.weight").get_dtype(), "BF16")
        outputs = self.forward(half)
        self.assertEqual(outputs["cls"].dtype, np.float32)
        self.check_same(outputs, self.forward(self.cache / META), 0.3)  # a bf16 has three digits
        wide = self.forward(self.cache / META, "precision=64-true")
        self.assertEqual(wide["cls"].dtype, np.float64)
        self.check_same(wide, self.forward(self.cache / META), 1e-4)

    # Weights of another program as the start of a run

    def lightly_train(self, path):
        """The run's weights as LightlyTrain exports them."""
        tensors = load_file(self.exported())
        with safe_open(self.exported(), "np") as file:
            info = json.loads(file.metadata()["muster"])
        model = {f"model.{name}": value for name, value in tensors.items()} | {"criterion.empty_weight": np.ones(6, np.float32)}
        arguments = {"model_name": "dinov3/vitt16-eomt", "classes": {entry["id"]: entry["name"] for entry in info["classes"]}, "class_ignore_index": None,
                     "image_size": (64, 64), "image_normalize": {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}, "num_queries": 7,
                     "num_joint_blocks": 3, "backbone_freeze": False}
        weight_files.save_pth(path, {"model_class_path": "lightly_train.X", "model_init_args": arguments, "train_model": model, "license_info": ""})
        return tensors, info

    def test_a_lightly_train_export_is_read_wherever_a_model_is_named(self):
        path = self.folder / "exported_best.pt"
        tensors, info = self.lightly_train(path)
        self.check_same(self.forward(path), self.forward(self.exported()))
        scores = []
        for model in (path, self.exported()):
            self.check_run("eval", f"model={model}", f"data={self.data}", f"out={self.folder / 'eval'}", says="miou")
            scores.append(json.loads((self.folder / "eval/eval.json").read_text())["miou"])
        self.assertEqual(*scores)
        # A new run: rows of the class head by name, 9 queries from 7.
        done = self.check_run(*self.train_words(self.folder / "tuned", 1, f"checkpoint={path}", "reuse_class_head=true", "model_args.num_queries=9",
                                                "model_args.lr=1e-12", "ignore_classes=[1]"))
        self.assertIn("4 classes taken over, 0 start afresh", done.text)
        self.assertIn("the 7 queries of", done.text)
        tuned = load_file(self.folder / "tuned/exported_models/exported_last.safetensors")
        kept = [row for row, entry in enumerate(info["classes"]) if entry["id"] != 1] + [5]
        np.testing.assert_allclose(tuned["class_head.weight"], tensors["class_head.weight"][kept], atol=1e-6)
        np.testing.assert_allclose(tuned["queries.weight"], tensors["queries.weight"][[*range(7), 0, 1]], atol=1e-6)
        fresh = self.check_run(*self.train_words(self.folder / "fresh", 1, f"checkpoint={path}", "model_args.lr=1e-12", "seed=3"))
        self.assertIn("0 classes taken over, 5 start afresh", fresh.text)
        head = load_file(self.folder / "fresh/exported_models/exported_last.safetensors")["class_head.weight"]
        self.assertGreater(np.abs(head - tensors["class_head.weight"]).max(), 1e-3)

    def test_upstreams_differences_find_their_backbone_in_the_cache(self):
        """A checkpoint of tue-mps/eomt on DINOv3 whose backbone differs from the published one in the class token alone."""
        ours, state, dim = load_file(self.exported()), {}, 192
        backbone = "network.encoder.backbone."
        for name, value in {"cls_token": np.full((1, 1, dim), 0.25), "register_tokens": np.zeros((1, 4, dim)),
                            "patch_embeddings.weight": np.zeros((dim, 3, 16, 16)), "patch_embeddings.bias": np.zeros(dim)}.items():
            state[f"{backbone}patch_embed.{name}"] = value
        for n in range(12):
            for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
                state[f"{backbone}blocks.{n}.attention.{name}.weight"] = np.zeros((dim, dim))
                if name != "k_proj":
                    state[f"{backbone}blocks.{n}.attention.{name}.bias"] = np.zeros(dim)
            for name, shape in {"norm1": dim, "norm2": dim, "mlp.up_proj": (4 * dim, dim), "mlp.down_proj": (dim, 4 * dim)}.items():
                state[f"{backbone}blocks.{n}.{name}.weight"] = np.zeros(shape)
                state[f"{backbone}blocks.{n}.{name}.bias"] = np.zeros(shape if name.startswith("norm") else shape[0])
            for k in (1, 2):
                state[f"{backbone}blocks.{n}.layer_scale{k}.lambda1"] = np.zeros(dim)
        state |= {f"{backbone}norm.weight": np.zeros(dim), f"{backbone}norm.bias": np.zeros(dim), "network.attn_mask_probs": np.zeros(3),
                  "network.encoder.pixel_mean": np.zeros((1, 3, 1, 1)), "network.encoder.pixel_std": np.ones((1, 3, 1, 1)),
                  "criterion.empty_weight": np.ones(6)}
        for name, value in ours.items():
            if not name.startswith("backbone."):
                state["network." + name.replace("queries.", "q.")] = value
        path = self.folder / "eomt_delta.ckpt"
        weight_files.save_pth(path, {"state_dict": {name: value.astype(np.float32) for name, value in state.items()}})
        whole = dict(ours, **{"backbone.cls_token": ours["backbone.cls_token"] + np.float32(0.25)})
        with safe_open(self.exported(), "np") as file:
            metadata = file.metadata()
        save_file(whole, self.folder / "whole.safetensors", metadata)
        expected = self.forward(self.folder / "whole.safetensors")
        outputs = self.forward(path, says="upstream")
        np.testing.assert_allclose(outputs.pop("mask_logits"), expected.pop("mask_logits"), atol=0.02)  # another epsilon in the upscaling norm
        self.check_same(outputs, expected, 1e-5)
        hidden = self.folder / "hidden_base"
        (self.cache / META).rename(hidden)
        try:
            self.check_run("import", path, f"out={self.folder / 'delta.safetensors'}", code=2, says=["eomt_delta.ckpt", META, "base=FILE"])
            self.check_run("import", path, f"out={self.folder / 'delta.safetensors'}", f"base={hidden}")
        finally:
            hidden.rename(self.cache / META)
        np.testing.assert_array_equal(load_file(self.folder / "delta.safetensors")["backbone.cls_token"], whole["backbone.cls_token"])

    def test_a_run_keeps_the_position_table_of_the_file_that_it_started_from(self):
        """DINOv2 from random weights has 16 x 16 positions, its published files 37 x 37: a run goes on with what it began with."""
        first, second = self.folder / "first", self.folder / "second"
        more = ["transform_args.image_size=[56,56]", "save_checkpoint_args.save_best=false"]
        self.check_run(*self.train_words(first, 1, "model=dinov2/vits14-notpretrained-eomt", *more))
        words = self.train_words(second, 1, "model=dinov2/vits14-eomt", f"checkpoint={first}", *more)
        self.check_run(*words, says="weights: ")
        exported = second / "exported_models/exported_last.safetensors"
        self.assertEqual(load_file(exported)["backbone.pos_embed"].shape, (1, 257, 384))
        self.assertEqual(json.loads(self.check_run("info", exported, "--json").stdout)["variant"]["position"], [16, 16])
        first.rename(self.folder / "moved")
        self.check_run(*words, says="was finished before")
        self.check_same(self.forward(second / "checkpoints/last", f"input={next((self.sources / 'val/images').iterdir())}"),
                        self.forward(exported, f"input={next((self.sources / 'val/images').iterdir())}"))
        shutil.rmtree(self.folder / "moved")
        shutil.rmtree(second)

    # Import, export, info, models

    def test_exports_come_back_as_they_were(self):
        meta = self.folder / "meta.pth"
        self.check_run("export", "model=dinov3/vitt16", "format=meta", f"out={meta}")
        self.check_same(self.forward(meta), self.forward("dinov3/vitt16"))
        safetensors = self.folder / "meta.safetensors"
        self.check_run("export", "model=dinov3/vitt16", "format=meta", f"out={safetensors}")
        self.check_same(load_file(safetensors), self.meta)
        folder = self.folder / "hf"
        self.check_run("export", f"model={self.cache / META}", "format=hf", f"out={folder}", "max_shard_size=10MB")
        self.assertTrue((folder / "model.safetensors.index.json").exists())
        self.assertEqual(json.loads((folder / "config.json").read_text())["hidden_size"], 192)
        self.check_same(self.forward(folder), self.forward("dinov3/vitt16"), 1e-4)
        self.check_run("export", f"model={self.exported()}", "format=meta", f"out={meta}", code=2)

    def test_an_inexact_export_is_written_only_on_demand(self):
        words = ["export", f"model={self.run_folder}", "format=hf", f"out={self.folder / 'eomt_hf'}"]
        done = program.run(*words)
        self.assertEqual(done.returncode, 2, done.text)
        self.assertIn("allow_inexact", done.text)
        self.assertFalse((self.folder / "eomt_hf/model.safetensors").exists())
        self.check_run(*words, "allow_inexact=true", says="1e-06")
        ours, theirs = self.forward(self.run_folder), self.forward(self.folder / "eomt_hf")
        np.testing.assert_allclose(ours["class_logits"], theirs["class_logits"], atol=1e-3)
        # Such a folder is a start for another run too.
        tuned = self.folder / "from_hf"
        self.check_run(*self.train_words(tuned, 1, "model=dinov3/vitt16-eomt", f"checkpoint={self.folder / 'eomt_hf'}", "reuse_class_head=true",
                                         "model_args.num_queries=5", "model_args.lr=1e-12"),
                       says=["eomt_hf", "5 classes taken over", "the 7 queries of", "cut to 5", "was trained in the form hf"])
        queries = load_file(tuned / "exported_models/exported_last.safetensors")["queries.weight"]
        np.testing.assert_allclose(queries, load_file(self.exported())["queries.weight"][:5], atol=1e-6)

    def test_info_shows_any_weight_file(self):
        self.check_run("info", self.cache / META, says=["Meta DINOv3", "dinov3/vitt16", "F32: ", "blocks.11.mlp.fc2.weight"])
        report = json.loads(self.check_run("info", self.exported(), "--json").stdout)
        self.assertEqual(report["model"], "dinov3/vitt16-eomt")
        self.assertEqual(len(report["classes"]), 5)
        self.assertEqual(report["step"], 2)
        self.assertRegex(report["hash"], "^[0-9a-f]{32}$")
        self.check_run("info", f"file={self.run_folder / 'checkpoints/last'}", says=["Muster checkpoint", "dinov3/vitt16-eomt", "classes"])
        other = self.folder / "other.safetensors"
        save_file({"something.else": np.zeros((2, 3), np.float32)}, other)
        self.check_run("info", other, says=["not_recognised", "something.else", "[2"])
        self.check_run("info", f"data={self.data}", says="5 classes")
        self.check_run("info", code=2, says="name one thing")

    def test_import_reports_what_it_did_as_json(self):
        report = json.loads(self.check_run("import", self.cache / META, f"out={self.folder / 'i.safetensors'}", "--json").stdout)
        self.assertEqual((report["model"], report["parameters"], report["missing"], report["unexpected"]), ("dinov3/vitt16", 5492160, [], []))
        self.assertRegex(report["hash"], "^[0-9a-f]{32}$")

    def test_missing_and_unexpected_tensors_are_errors_unless_named(self):
        odd = dict(self.meta)
        odd.pop("norm.bias")
        odd["surprise.weight"] = np.zeros(3, np.float32)
        path, out = self.folder / "odd.pth", self.folder / "odd.safetensors"
        weight_files.save_pth(path, odd)
        self.check_run("import", path, f"out={out}", code=3, says=["norm.bias"])
        self.check_run("import", path, f"out={out}", "allow_missing=['backbone.norm.bias']", code=3, says="surprise.weight")
        self.assertFalse(out.exists())
        self.check_run("import", path, f"out={out}", "allow_missing=['backbone.norm.bias']", "allow_unexpected=['surprise.*']", says="backbone.norm.bias")
        self.assertIn("backbone.norm.bias", load_file(out))

    def test_models_lists_names_sizes_and_licences(self):
        self.check_run("models", says=["dinov3/vit7b16", "6716035072", "gated", "dinov2/vits14-noreg", "22056576", "Apache-2.0", str(self.cache)])
        listed = json.loads(self.check_run("models", "--json").stdout)
        rows = {row["name"]: row for row in listed["backbones"]}
        self.assertEqual((rows["dinov3/vits16"]["parameters"], rows["dinov3/vits16"]["patch"], rows["dinov3/vits16"]["blocks"]), (21601152, 16, 12))
        self.assertEqual(rows["dinov3/vitt16"]["cached"], str(self.cache / META))
        self.assertIn("dinov3/vittplus16-notpretrained-eomt", listed["names"])


if __name__ == "__main__":
    program.main()
