"""Starting Muster on several ranks in tests, and finding the processes of its ranks."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import program  # noqa: E402

LAUNCHER = program.SOURCE / "launch" / "muster"
# The launcher takes the build that is under test, and mpirun may run as root in a container.
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "MUSTER_BUILD": program.MUSTER.parents[1].name, "OMPI_ALLOW_RUN_AS_ROOT": "1",
               "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def start(ranks, *words, **more):
    return subprocess.Popen([LAUNCHER, "-n", str(ranks), *map(str, words)], cwd=program.SOURCE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, env=ENVIRONMENT, start_new_session=True, **more)


def run(ranks, *words, timeout=200, **more):
    """(exit code, what was said)"""
    process = start(ranks, *words, **more)
    try:
        said = process.communicate(timeout=timeout)[0]
    except subprocess.TimeoutExpired:
        kill_all(words)
        raise
    return process.returncode, said


def run_each(*commands, timeout=100):
    """Rank r of one mpirun runs commands[r]: (exit code, what was said)."""
    words = ["mpirun", "--oversubscribe", "--bind-to", "none", "--quiet"]
    for command in commands:
        words += [":"] * (words[-1] != "--quiet") + ["-n", "1", str(program.MUSTER), *map(str, command)]
    done = subprocess.run(words, cwd=program.SOURCE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT, timeout=timeout)
    return done.returncode, done.stdout


def pids_of_ranks(out):
    """{rank: pid} of the processes of the program that write to `out`."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            pid = program.own_pid(folder)
            settings = dict(entry.split(b"=", 1) for entry in (folder / "environ").read_bytes().split(b"\0") if b"=" in entry)
        except OSError:
            continue  # it ended meanwhile, or is none of ours
        if words[0] == str(program.MUSTER).encode() and f"out={out}".encode() in words and b"OMPI_COMM_WORLD_RANK" in settings:
            found[int(settings[b"OMPI_COMM_WORLD_RANK"])] = pid
    return found


def kill_all(words):
    for word in words:
        if str(word).startswith("out="):
            for pid in pids_of_ranks(str(word)[4:]).values():
                os.kill(pid, signal.SIGKILL)


def records(out):
    path = Path(out) / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def step_of(out):
    return max([record["step"] for record in records(out) if "loss" in record], default=0)


def wait_for_step(process, out, step, timeout=100):
    deadline = time.monotonic() + timeout
    while step_of(out) < step:
        if process.poll() is not None or time.monotonic() > deadline:
            kill_all([f"out={out}"])
            raise AssertionError(f"step {step} never came: " + process.communicate()[0])
        time.sleep(0.01)


def weights(out):
    return [(Path(out) / "exported_models" / name).read_bytes() for name in ("exported_last.safetensors", "exported_best.safetensors")]


class RanksTest(program.ProgramTest):
    """`train_words` with a record per step, so that tests see how far a run is, and masks that are on and off within it."""

    STEPS = 60
    MORE = ["logger_args.log_every_num_steps=1", "logger_args.val_every_num_steps=30", "save_checkpoint_args.save_every_num_steps=10",
            "model_args.attn_mask_annealing_steps_start=[4,12,20]", "model_args.attn_mask_annealing_steps_end=[12,20,30]"]

    @classmethod
    def words(cls, out, *more):
        return cls.train_words(cls, out, cls.STEPS, *cls.MORE, *more)

    def refuse(self, code, said, wanted_code, *says):
        """The exit code is right, and each text is said, the first one exactly once."""
        self.assertEqual(code, wanted_code, said)
        for text in says:
            self.assertIn(text, said)
        self.assertEqual(said.count(says[0]), 1, said)


def main():
    program.main()


class AgainstWholeRun(RanksTest):
    """Has `self.whole`, the folder of a run on two ranks that nothing disturbed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.whole = cls.folder / "whole"
        code, said = run(2, *cls.words(cls.whole))
        if code != 0:
            raise AssertionError(said)
