"""What cannot work on several ranks is refused once, in one sentence, with the right code; what can, does."""

import json
import os
import re
import resource
import shutil
import subprocess

import ranks
from ranks import program


class Refusals(ranks.RanksTest):
    STEPS = 12

    def test_a_wrong_key_is_said_once_and_ends_with_2(self):
        out = self.folder / "wrong_key"
        code, said = ranks.run(3, *self.words(out, "model_args.num_querys=3"))
        self.refuse(code, said, 2, "unknown key 'model_args.num_querys'")
        self.assertFalse(out.exists())

    def test_a_global_batch_smaller_than_the_ranks(self):
        out = self.folder / "small_batch"
        code, said = ranks.run(3, *self.words(out, "batch_size=2"))
        self.refuse(code, said, 2, "batch_size=2 is below 3 ranks")
        self.assertFalse(out.exists())

    def test_ranks_with_different_recipes_or_data(self):
        out = self.folder / "different"
        code, said = ranks.run_each(self.words(out, "seed=1"), self.words(out, "seed=2"))
        self.refuse(code, said, 2, "ranks were started with different recipes", "seed is 1 on rank 0 and 2 on rank 1")
        other = self.folder / "other_data"
        self.check_run("pack", *self.pack_words("train"), f"out={other}")
        self.check_run("pack", *self.pack_words("train"), "split=val", f"out={other}")
        code, said = ranks.run_each(self.words(out), self.words(out, f"data={other}"))
        self.refuse(code, said, 3, "ranks do not have the same data", "rank 1: 12 samples of split val")
        self.assertFalse(out.exists())

    def test_two_runs_on_one_folder(self):
        out = self.folder / "shared"
        words = self.train_words(out, 2000, *self.MORE)
        first = ranks.start(2, *words)
        ranks.wait_for_step(first, out, 1)
        code, said = ranks.run(2, *words)
        self.refuse(code, said, 2, "is being written by another process")
        first.terminate()
        said = first.communicate(timeout=60)[0]
        self.assertEqual(first.returncode, 75, said)

    def test_an_image_that_only_one_rank_reads_ends_all_with_3(self):
        damaged = self.folder / "damaged"
        shutil.copytree(self.data, damaged)
        shard = next(damaged.glob("train-*.h5"))
        content = bytearray(shard.read_bytes())
        content[len(content) // 2] ^= 1
        shard.write_bytes(content)
        code, said = ranks.run(2, *self.words(self.folder / "on_damaged", f"data={damaged}"))
        self.refuse(code, said, 3, shard.name)
        self.assertEqual(ranks.pids_of_ranks(self.folder / "on_damaged"), {})

    def test_srun_without_pmi_names_the_remedy(self):
        slurm = {"SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0", "SLURM_NTASKS": "2", "SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "0", "SLURM_LOCALID": "0",
                 "SLURM_NODEID": "0"}
        for first in ([program.MUSTER], [ranks.LAUNCHER]):
            done = subprocess.run([*first, *self.words(self.folder / "srun")], cwd=program.SOURCE, capture_output=True, text=True, timeout=60,
                                  env={**ranks.ENVIRONMENT, **slurm})
            self.refuse(done.returncode, done.stdout + done.stderr, 2, "srun --mpi=pmix")
        self.assertFalse((self.folder / "srun").exists())

    def test_what_ranks_find_together_is_said_once(self):
        out = self.folder / "packed"
        code, said = ranks.run(2, "pack", *self.pack_words("train"), f"out={out}")
        self.assertEqual(code, 0, said)
        self.assertEqual(said.count("fingerprint"), 1, said)
        self.check_run("verify", f"data={out}")
        code, said = ranks.run(2, "info", out)
        self.assertEqual((code, said.count("train: 12 samples")), (0, 1), said)
        self.assertIn("muster info works on one rank; the other 1 wait", said)
        code, said = ranks.run(2, *self.words(self.folder / "printed"), "--print-config")
        self.assertEqual((code, said.count("batch_size:")), (0, 1), said)

    def test_ranks_share_the_processors_unless_told_otherwise(self):
        processors = len(os.sched_getaffinity(0))
        for setting, wanted in ((None, max(1, processors // 2)), ("3", 3)):
            environment = {name: value for name, value in ranks.ENVIRONMENT.items() if name != "OMP_NUM_THREADS"}
            if setting is not None:
                environment["OMP_NUM_THREADS"] = setting
            done = subprocess.run([ranks.LAUNCHER, "-n", "2", "doctor", "--json"], capture_output=True, text=True, timeout=60, env=environment)
            self.assertEqual(json.loads(done.stdout)["threads"], wanted, done.stderr)

    def test_more_ranks_than_images_evaluate_as_one_rank_does(self):
        out = self.folder / "trained"
        self.check_run(*self.words(out))
        scores = []
        for count in (1, 2, 5):  # three images
            folder = self.folder / f"eval-{count}"
            code, said = ranks.run(count, "eval", f"model={out}", f"data={self.data}", f"out={folder}", f"contact_sheet={folder}/sheet.png")
            self.assertEqual(code, 0, said)
            self.assertEqual(len(re.findall(r"(?<![.\d])3 images", said)), 2, said)  # the table, and the sheet of pictures
            scores.append(json.loads((folder / "eval.json").read_text()))
            self.assertTrue((folder / "sheet.png").exists())
        self.assertEqual(scores[0], scores[1])
        self.assertEqual(scores[0], scores[2])


class FullDisk(ranks.RanksTest):
    """No file may grow beyond 20 MB, so that no rank can write its part of a checkpoint."""

    STEPS = 6

    def test_training_goes_on_and_the_failed_last_save_ends_with_4(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000_000, 20_000_000))
        out = self.folder / "full"
        words = self.train_words(out, 6, "save_checkpoint_args.save_every_num_steps=2", "logger_args.val_every_num_steps=6",
                                 "save_checkpoint_args.save_best=false", "logger_args.log_every_num_steps=1")
        code, said = ranks.run(2, *words, preexec_fn=limit, restore_signals=False)
        self.assertEqual(code, 4, said)
        self.assertIn("training goes on", said)
        self.assertEqual(ranks.step_of(out), 6)
        self.assertEqual([path.name for path in (out / "checkpoints").glob("step-*")], [], "an unfinished checkpoint was left")
        code, said = ranks.run(2, *words)  # with room again, the same command succeeds
        self.assertEqual(code, 0, said)


if __name__ == "__main__":
    ranks.main()
