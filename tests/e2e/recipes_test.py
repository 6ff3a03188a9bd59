"""Help, printed recipes, and the recipes that ship."""

import json
import re

import program

COMMANDS = ["pack", "verify", "info", "train", "eval", "autolabel", "forward", "export", "import", "models", "doctor"]


class Recipes(program.ProgramTest):
    def test_the_program_alone_lists_its_commands_and_each_explains_itself(self):
        listed = self.check_run().stdout
        self.assertEqual(listed, self.check_run("--help").stdout)
        for name in COMMANDS:
            self.assertRegex(listed, rf"\n  {name} ")
            self.check_run(name, "--help", says=[f"muster {name}", "muster " + name])

    def test_printed_recipes_read_back_as_themselves(self):
        printed = self.check_run(*self.train_words("runs/x", 7), "--print-config").stdout
        path = self.folder / "printed.yaml"
        path.write_text(printed)
        self.assertEqual(self.check_run("train", path, "--print-config").stdout, printed)
        self.assertEqual(json.loads(self.check_run("train", path, "--print-config", "--json").stdout)["steps"], 7)

    def test_every_recipe_that_ships_fits_this_build(self):
        recipes = sorted((program.SOURCE / "configs").glob("*.yaml"))
        self.assertTrue(recipes)
        for recipe in recipes:
            self.check_run("train", recipe, f"data={self.data}", f"out={self.folder / 'dry'}", "--dry-run", says="dry run")
            self.assertFalse((self.folder / "dry").exists())

    def test_recipe_style_restores_the_references_defaults(self):
        """The defaults that differ from the reference documents on purpose (CONTRACTS 16), by name."""
        ours = json.loads(self.check_run(*self.train_words("runs/x", 7), "--print-config", "--json").stdout)
        theirs = json.loads(self.check_run(*self.train_words("runs/x", 7), "recipe_style=lightly_train", "--print-config", "--json").stdout)

        def leaves(tree, prefix=""):
            for key, value in tree.items():
                if isinstance(value, dict) and value:
                    yield from leaves(value, prefix + key + ".")
                else:
                    yield prefix + key, value
        first, second = dict(leaves(ours)), dict(leaves(theirs))
        self.assertEqual({key: second[key] for key in first if first[key] != second[key]},
                         {"recipe_style": "lightly_train", "model_args.cap_warmup": False, "transform_args.scale_jitter.keep_aspect": False,
                          "metric_args.watch_metric": "val_metric/miou_model", "loss_args.normalization": "rank", "loader.tail": "drop"})

    def test_satellite_weights_bring_their_normalisation_unless_the_recipe_has_one(self):
        words = self.train_words("runs/x", 7, "model=dinov3/vitl16-sat493m-eomt", "--print-config", "--json")
        self.assertEqual(json.loads(self.check_run(*words).stdout)["transform_args"]["normalize"],
                         {"mean": [0.43, 0.411, 0.296], "std": [0.213, 0.156, 0.143]})
        own = json.loads(self.check_run(*words, "transform_args.normalize.mean=[0.5,0.5,0.5]").stdout)["transform_args"]["normalize"]
        self.assertEqual(own["mean"], [0.5, 0.5, 0.5])

    def test_transforms_that_the_reference_documents_switch_off(self):
        words = self.train_words("runs/x", 7)
        same = ["channel_drop=null", "normalize=auto", "scale_jitter.divisible_by=null", "val.color_jitter=null", "val.channel_drop=null",
                "val.normalize={mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]}", "val.smallest_max_size={max_size: 64, prob: 1.0}"]
        self.assertEqual(self.check_run(*words, *(f"transform_args.{word}" for word in same), "--print-config").stdout,
                         self.check_run(*words, "--print-config").stdout)
        for word in ("channel_drop={num_channels_keep: 2}", "val.color_jitter={prob: 0.5}", "val.normalize={mean: [0.5, 0.5, 0.5]}",
                     "val.smallest_max_size={max_size: 32}"):
            self.check_run(*words, f"transform_args.{word}", "--print-config", code=2, says=word.split("=")[0])

    def test_doctor_and_models_speak_json(self):
        facts = json.loads(self.check_run("doctor", "--json").stdout)
        self.assertRegex(facts["libtorch"], r"^2\.11")
        self.assertIn(facts["CUDA"], ("not compiled", "compiled, not linked", "compiled and linked"))
        self.assertIn("dinov3/vitt16-notpretrained-eomt", json.loads(self.check_run("models", "--json").stdout)["names"])
        self.assertTrue(re.match(r"muster \d", self.check_run("--version").stdout))


if __name__ == "__main__":
    program.main()
