"""`muster train` on plain folders: packed once into the data cache, shared by runs and ranks, found again by content."""

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
import unittest.mock

import program

READING = "data: reading 30 files"
CLASSES = json.loads((program.SAMPLE / "classes.json").read_text())


def contents(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


class DataCache(program.ProgramTest):
    def setUp(self):
        self.runs = self.folder / self.id().split(".")[-1][:40]
        self.runs.mkdir()
        self.cache = self.runs / "data_cache"
        self.recipe = self.runs / "recipe.json"
        self.write_recipe(self.sources)

    def write_recipe(self, sources, **more):
        data = {split: {kind: str(sources / split / kind) for kind in ("images", "masks")} for split in ("train", "val")}
        self.recipe.write_text(json.dumps({"data": {**data, "classes": CLASSES["classes"], "ignore_classes": CLASSES["ignore_classes"]}, **more}))

    def words(self, out="a", *more):
        return ["train", self.recipe, *program.TINY, f"out={self.runs / out}", "steps=1", *map(str, more)]

    def entries(self):
        return sorted(path for path in self.cache.iterdir() if path.is_dir())

    def test_folders_are_packed_beside_the_run_and_found_by_the_next(self):
        first = self.check_run(*self.words("a"), says=["data: 30 files with", "MB are free there", str(self.cache)])
        self.assertNotIn("packed before", first.text)
        self.assertIn(READING, first.text)
        [entry] = self.entries()
        self.assertEqual(contents(entry), contents(self.data), "not the bytes that `muster pack` writes")
        before = {path: path.stat().st_mtime_ns for path in entry.iterdir()}
        second = self.check_run(*self.words("b"), says=[f"data: {entry} holds these 30 files, packed before"])
        self.assertNotIn(READING, second.text, "files that nobody touched were read again")
        self.assertEqual({path: path.stat().st_mtime_ns for path in entry.iterdir()}, before)
        self.assertEqual(self.entries(), [entry])
        # The run itself is the one on the packed set.
        self.check_run(*self.train_words(self.runs / "c", 1))
        weights = [(self.runs / run / "exported_models/exported_last.safetensors").read_bytes() for run in "abc"]
        self.assertEqual(weights[0], weights[1])
        self.assertEqual(weights[0], weights[2])

    def test_what_counts_is_the_content_not_place_or_times(self):
        copy = self.runs / "copy"
        shutil.copytree(self.sources, copy)  # keeps times
        self.write_recipe(copy)
        self.check_run(*self.words("a"), says=READING)
        [entry] = self.entries()
        image = sorted((copy / "train/images").iterdir())[0]
        before = image.stat()
        os.utime(image, ns=(0, 12345))
        self.check_run(*self.words("b", "--dry-run"), says=[READING, f"data: {entry} holds these 30 files, packed before"])
        other = self.runs / "other"
        shutil.copytree(copy, other, copy_function=shutil.copyfile)  # new times
        self.write_recipe(other)
        self.check_run(*self.words("b", "--dry-run"), says=[READING, f"data: {entry} holds these 30 files, packed before"])
        # Size and time are those of the run that packed; the change of the file is not.
        changed = bytearray(image.read_bytes())
        changed[len(changed) * 3 // 4] ^= 1
        image.write_bytes(changed)
        os.utime(image, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.write_recipe(copy)
        done = self.check_run(*self.words("c", "--dry-run"), code=(0, 3), says=["dry run: 30 files", "would be packed"])
        self.assertNotIn(f"packed into {entry}", done.text)

    def test_a_data_set_that_lost_files_is_packed_again(self):
        self.check_run(*self.words("a"))
        [entry] = self.entries()
        whole = contents(entry)
        shard = sorted(entry.glob("train-*.h5"))[0]
        shard.unlink()
        self.check_run(*self.words("b", "--dry-run"), says=f"would be packed into {entry}")
        done = self.check_run(*self.words("b"), says=[str(shard), "it is packed again"])
        self.assertNotIn(READING, done.text)
        self.assertEqual(contents(entry), whole)
        manifest = entry / "manifest.json"
        manifest.write_bytes(manifest.read_bytes()[:200])
        [source] = self.cache.glob("*.source.json")
        source.write_text(source.read_text().replace(entry.name, "0" * 32))
        self.check_run(*self.words("c"), says=[str(manifest), "it is packed again", f"{source} is damaged", READING])
        self.assertEqual(contents(entry), whole)

    def test_the_place_is_a_key_or_a_variable(self):
        with unittest.mock.patch.dict(os.environ, MUSTER_DATA_CACHE=str(self.runs / "by_variable")):
            self.check_run(*self.words("a"), says=str(self.runs / "by_variable"))
            self.check_run(*self.words("b", f"data_cache={self.runs / 'by_key'}"), says=str(self.runs / "by_key"))
        self.assertFalse(self.cache.exists())

    def test_a_dry_run_writes_nothing(self):
        self.check_run(*self.words("a", "--dry-run"), says=["would be packed into", "MB are free there"])
        self.assertEqual(sorted(path.name for path in self.runs.iterdir()), ["recipe.json"])

    def test_two_runs_that_start_at_once_share_one_packing(self):
        processes = [program.start(*self.words(out)) for out in "ab"]
        said = [process.communicate(timeout=200)[0] for process in processes]
        self.assertEqual([process.returncode for process in processes], [0, 0], said)
        self.assertEqual(len(self.entries()), 1)
        self.assertEqual(sum("packed before" in text for text in said), 1, said)

    def hold_lock(self):
        """The lock of this data set, as another job would hold it."""
        name = self.check_run(*self.words("x", "--dry-run")).text.split(str(self.cache) + "/")[1].split()[0]
        self.cache.mkdir()
        lock = open(self.cache / f"{name}.lock", "w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock

    def wait_for(self, text, process):
        said = ""
        while text not in said:
            line = process.stdout.readline()
            self.assertTrue(line, f"it ended without saying {text!r}: {said}")
            said += line
        return said

    def test_a_run_waits_for_another_that_packs_and_stops_waiting_when_asked(self):
        lock = self.hold_lock()
        waiting = program.start(*self.words("a"))
        self.wait_for("another job packs this data set", waiting)
        waiting.send_signal(signal.SIGTERM)
        said = waiting.communicate(timeout=60)[0]
        self.assertEqual(waiting.returncode, 75, said)
        again = program.start(*self.words("a"))
        self.wait_for("another job packs this data set", again)
        time.sleep(0.5)
        self.assertEqual(self.entries(), [])
        lock.close()
        said = again.communicate(timeout=200)[0]
        self.assertEqual(again.returncode, 0, said)
        self.assertEqual(contents(self.entries()[0]), contents(self.data))

    def test_a_killed_packing_is_taken_up_by_the_next_run(self):
        self.write_recipe(program.SAMPLE, pack_args={"shard_bytes": 60000, "threads": 1})  # about 80 shards
        process = program.start(*self.words("a"))
        code, said = program.stop_when(process, lambda: list(self.cache.glob("*/train-*.h5")), signal.SIGKILL)
        self.assertEqual(code, -signal.SIGKILL, said)
        [entry] = self.entries()
        self.assertFalse((entry / "manifest.json").exists())
        self.check_run(*self.words("a"), says="data: 192 files")
        self.assertEqual(self.entries(), [entry])
        self.check_run("verify", f"data={entry}")
        whole = self.folder / "whole"
        for split in ("train", "val"):
            self.check_run("pack", *self.pack_words(split, program.SAMPLE), f"out={whole}", "shard_bytes=60000")
        self.assertEqual(contents(entry), contents(whole))

    def test_two_ranks_pack_together(self):
        done = subprocess.run([program.SOURCE / "launch/muster", "-n", "2", *map(str, self.words())], cwd=program.SOURCE, capture_output=True, text=True,
                              timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1", "MUSTER_BUILD": program.MUSTER.parents[1].name})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(contents(self.entries()[0]), contents(self.data))

    def test_bad_sources_end_the_run_before_its_folder_is_made(self):
        copy = self.runs / "bad"
        shutil.copytree(self.sources, copy)
        self.write_recipe(copy)
        mask = sorted((copy / "val/masks").iterdir())[0]
        mask.unlink()
        self.check_run(*self.words(), code=3, says=[mask.stem, "no mask"])
        self.assertFalse((self.runs / "a").exists())
        self.assertEqual(self.entries(), [], "a failed packing was left in the cache")
        self.write_recipe(copy, pack_args={"on_error": "skip", "max_skipped": 0.5})
        self.check_run(*self.words(), says="skipped.csv")

    def test_keys_are_strict_and_printed_as_they_were_written(self):
        self.check_run(*self.words("a", "data.train.imagse=x"), code=2, says="did you mean 'data.train.images'")
        self.check_run(*self.words("a", "pack_args.on_eror=skip"), code=2, says="did you mean 'pack_args.on_error'")
        self.check_run(*self.words("a", "pack_args.on_error=never"), code=2, says="fail, skip")
        printed = self.check_run(*self.words("a", "--print-config", "--json"))
        tree = json.loads(printed.stdout)
        self.assertEqual(tree["data"], json.loads(self.recipe.read_text())["data"])
        self.recipe.write_text(printed.stdout)
        self.assertEqual(self.check_run("train", self.recipe, "--print-config", "--json").stdout, printed.stdout)

    def test_an_ignored_class_is_packed_and_not_learned(self):
        recipe = json.loads(self.recipe.read_text())
        recipe["data"]["ignore_classes"] = [255, 2]
        self.recipe.write_text(json.dumps(recipe))
        self.assertEqual(json.loads(self.check_run(*self.words("a", "--print-config", "--json")).stdout)["ignore_classes"], [2])
        self.check_run(*self.words("a"))
        self.assertEqual(contents(self.entries()[0]), contents(self.data), "ignoring a class changed the packing")
        self.write_recipe(self.sources)
        self.check_run(*self.words("b", "--dry-run"), says=["packed before", "5 classes"])
        classes = self.runs / "classes.json"
        classes.write_text(json.dumps({key: recipe["data"].pop(key) for key in ("classes", "ignore_classes")}))
        recipe["data"]["classes"] = str(classes)
        self.recipe.write_text(json.dumps(recipe))
        self.assertEqual(json.loads(self.check_run(*self.words("c", "--print-config", "--json")).stdout)["ignore_classes"], [2])
        self.check_run(*self.words("c", "--dry-run"), says=["packed before", "4 classes"])
        self.check_run(*self.words("c", "--print-config", f"pack_args.classes={classes}"), code=2, says="both name classes")


if __name__ == "__main__":
    program.main()
