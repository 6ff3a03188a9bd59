"""One run on several ranks: stopped in three ways it ends with the weights of a run left alone, bit for bit; and other numbers of
ranks go on with exactly the samples that were not yet seen."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import program

SIXTHS = 7 if program.FULL else 4  # steps in a sixth of a run: what is stopped, saved and annealed when is counted in these
STEPS = 6 * SIXTHS
MORE = [f"save_checkpoint_args.save_every_num_steps={2 * SIXTHS}", f"logger_args.val_every_num_steps={3 * SIXTHS}", "logger_args.log_every_num_steps=1",
        "logger_args.sample_ids=true", f"model_args.attn_mask_annealing_steps_start=[{SIXTHS},{2 * SIXTHS},{3 * SIXTHS}]",
        f"model_args.attn_mask_annealing_steps_end=[{2 * SIXTHS},{3 * SIXTHS},{4 * SIXTHS}]"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "MUSTER_BUILD": program.MUSTER.parents[1].name}


def ids_by_step(out):
    """For each step the global batch: (id, ...) of all ranks in order. A step that was done twice is an error."""
    steps = {}
    for path in sorted(out.glob("sample_ids/rank-*.jsonl"), key=lambda path: int(path.stem.split("-")[1])):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            steps.setdefault(record["step"], {}).setdefault(path.stem, []).append([i for batch in record["micro_batches"] for i in batch])
    for step, ranks in steps.items():
        assert all(len(batches) == 1 for batches in ranks.values()), f"step {step} was logged twice: {ranks}"
    return {step: [i for batches in ranks.values() for i in batches[0]] for step, ranks in sorted(steps.items())}


def rank_pids(out):
    """Rank to process id, of the run that writes to `out`."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
            pid = program.own_pid(process)
            variables = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # ended meanwhile
        if f"out={out}".encode() in command and Path(os.fsdecode(command[0])).name == "muster":
            for variable in variables:
                if variable.startswith(b"OMPI_COMM_WORLD_RANK="):
                    found[int(variable.split(b"=")[1])] = pid
    return found


def words(test, ranks, out):
    """The command; `test` is a test or its class."""
    return [str(program.SOURCE / "launch" / "muster"), "-n", str(ranks), *program.ProgramTest.train_words(test, out, STEPS, *MORE)]


def launch(test, ranks, out, *more):
    return subprocess.run([*words(test, ranks, out), *more], cwd=program.SOURCE, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=300)


class Ranks(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.whole = cls.folder / "whole"
        done = launch(cls, 2, cls.whole)
        if done.returncode != 0:
            raise AssertionError(done.stdout)

    def step_of(self, out):
        path = out / "metrics.jsonl"
        records = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")] if path.exists() else []
        return max([record["step"] for record in records if "loss" in record], default=0)

    def interrupt(self, out, step, send, ranks=2):
        """Starts the run, calls send(launcher process) when `step` is done, and returns (exit code, what was said)."""
        process = subprocess.Popen(words(self, ranks, out), cwd=program.SOURCE, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        deadline = time.monotonic() + 200
        while self.step_of(out) < step:
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                self.fail("never came to step " + str(step) + ": " + process.communicate()[0])
            time.sleep(0.01)
        send(process)
        said = process.communicate(timeout=200)[0]
        return process.returncode, said

    def assert_like_whole(self, out):
        for path in ("exported_models/exported_last.safetensors", "exported_models/exported_best.safetensors",
                     "checkpoints/last/shard-00000-of-00002.safetensors", "checkpoints/last/shard-00001-of-00002.safetensors"):
            self.assertEqual((out / path).read_bytes(), (self.whole / path).read_bytes(), path)

    def test_three_stops_cost_nothing(self):
        out = self.folder / "stopped"
        code, said = self.interrupt(out, SIXTHS, lambda process: os.kill(rank_pids(out)[1], signal.SIGUSR2))
        self.assertEqual(code, 75, said)
        self.assertIn("asked to stop", said)
        code, said = self.interrupt(out, 5 * SIXTHS // 2, lambda process: process.send_signal(signal.SIGTERM))
        self.assertEqual(code, 75, said)
        self.assertIn("resumed after step", said)
        code, said = self.interrupt(out, 4 * SIXTHS + 3, lambda process: os.kill(rank_pids(out)[1], signal.SIGKILL))
        self.assertEqual(code, 75, said)
        self.assertIn("rank 1", said)
        done = launch(self, 2, out)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn(f"resumed after step {4 * SIXTHS}", done.stdout)
        self.assert_like_whole(out)
        self.assertEqual(ids_by_step(out), ids_by_step(self.whole))

    def test_other_numbers_of_ranks_go_on_with_the_samples_not_yet_seen(self):
        stopped = self.folder / "two"
        code, said = self.interrupt(stopped, 2 * SIXTHS + 1, lambda process: process.send_signal(signal.SIGTERM))
        self.assertEqual(code, 75, said)
        wanted = ids_by_step(self.whole)
        self.assertEqual(len(wanted), STEPS)
        for ranks in (1, 3, 4):
            out = self.folder / f"on-{ranks}"
            shutil.copytree(stopped, out, symlinks=True)
            done = launch(self, ranks, out)
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertIn("resumed after step", done.stdout)
            self.assertEqual(ids_by_step(out), wanted, f"{ranks} ranks")

    def test_vitt16_takes_the_same_steps_on_one_two_and_three_ranks(self):
        """CONTRACTS 5 in fp32: gradients of step 1 to 1e-5, losses to 1e-3; with accumulation too."""
        records = {}
        for ranks, accumulation in ((1, 1), (2, 1), (3, 1), (2, 2)):
            out = self.folder / f"short-{ranks}-{accumulation}"
            done = launch(self, ranks, out, "steps=3", f"gradient_accumulation_steps={accumulation}", "model_args.cap_warmup=false",
                          "model_args.attn_mask_annealing_steps_start=[0,1,2]", "model_args.attn_mask_annealing_steps_end=[1,2,3]")
            self.assertEqual(done.returncode, 0, done.stdout)
            lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
            records[ranks, accumulation] = [line for line in lines if "loss" in line]
        one = records.pop((1, 1))
        self.assertEqual([record["step"] for record in one], [1, 2, 3])
        for which, others in records.items():
            self.assertAlmostEqual(others[0]["grad_norm"] / one[0]["grad_norm"], 1, delta=1e-5, msg=str(which))
            self.assertAlmostEqual(others[0]["loss"] / one[0]["loss"], 1, delta=1e-5, msg=str(which))
            for ours, theirs in zip(one, others, strict=True):
                self.assertAlmostEqual(theirs["loss"] / ours["loss"], 1, delta=1e-3, msg=f"{which} step {ours['step']}")


if __name__ == "__main__":
    program.main()
