"""launch/muster -n: what reaches the ranks, what comes back, and what the user reads, with a small program in place of Muster."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

LAUNCH = Path(sys.argv[1]).resolve()

# A rank: says who it is, obeys USR2 as Muster does, and does on rank 1 what the first word says. Like Muster's ranks it leaves only when
# all have saved: mpirun ends the others as soon as one has left with 75.
RANK = """#!/bin/bash
save() {
  echo "rank $OMPI_COMM_WORLD_RANK saves" >&2
  touch "$0.$OMPI_COMM_WORLD_RANK"
  for i in {1..400}; do
    saved=("$0".*)
    [ ${#saved[@]} -lt "$OMPI_COMM_WORLD_SIZE" ] || exit 75
    sleep 0.02
  done
}
trap save USR2
echo "rank $OMPI_COMM_WORLD_RANK of $OMPI_COMM_WORLD_SIZE: $2"
[ "$OMPI_COMM_WORLD_RANK" = 1 ] && eval "$1"
for i in $(seq "${3:-1}"); do sleep 0.1; done
"""
LINE = "-" * 74


class LaunchRanks(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="muster_launch."))
        self.addCleanup(shutil.rmtree, self.folder)
        shutil.copytree(LAUNCH, self.folder / "launch")
        program = self.folder / "build/dev/bin/muster"
        program.parent.mkdir(parents=True)
        program.write_text(RANK)
        program.chmod(0o755)

    def start(self, *words, **more):
        return subprocess.Popen([self.folder / "launch/muster", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                start_new_session=True, **more)

    def run_ranks(self, *words, env=None):
        process = self.start(*words, env={**os.environ, **(env or {})})
        out, err = process.communicate(timeout=30)
        return process.returncode, out, err

    def test_words_arrive_as_they_are_and_nothing_is_added(self):
        code, out, err = self.run_ranks("-n", 3, "true", "a  b=c*")
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(sorted(out.splitlines()), [f"rank {r} of 3: a  b=c*" for r in range(3)])

    def test_codes_of_muster_pass_in_silence(self):
        for wanted in (2, 3, 4, 70, 75):
            code, _, err = self.run_ranks("-n", 2, f"exit {wanted}")
            self.assertEqual((code, err), (wanted, ""))

    def test_any_other_code_becomes_75_with_a_sentence(self):
        code, _, err = self.run_ranks("-n", 2, "exit 1")
        self.assertEqual(code, 75)
        self.assertRegex(err, r"^muster: error: (rank 1|a rank, or mpirun itself,) ended with 1, which is no exit code of Muster; .*\n$")

    def test_a_killed_rank_is_named_with_host_and_signal(self):
        # While the job runs: mpirun does not name a rank that dies before it has taken note that all of them are there.
        code, _, err = self.run_ranks("-n", 2, "sleep 1; kill -KILL $$", "x", 50)
        self.assertEqual(code, 75)
        self.assertRegex(err, rf"muster: error: rank 1 on {os.uname().nodename} was killed by signal 9, SIGKILL")
        self.assertNotIn("mpirun noticed", err)
        self.assertNotIn(LINE, err)

    def test_what_ranks_print_between_dashes_is_theirs(self):
        code, _, err = self.run_ranks("-n", 2, f"printf '%s\\n' '{LINE}' table '{LINE}' >&2")
        self.assertEqual((code, err), (0, f"{LINE}\ntable\n{LINE}\n"))

    def test_words_for_mpirun_are_taken(self):
        code, out, _ = self.run_ranks("-n", 2, "true", "x", env={"MUSTER_MPIRUN": "--tag-output"})
        self.assertIn("<stdout>", out)
        self.assertEqual(code, 0)

    def test_networks_are_left_out_only_where_no_other_host_was_named(self):
        script = 'set -euo pipefail; . "$0"; mpirun_options 2; echo "${options[*]}"'

        def words(**env):
            home = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
            done = subprocess.run(["bash", "-c", script, LAUNCH / "mpirun.sh"], env={**home, **env}, capture_output=True, text=True, check=True)
            return done.stdout

        local = "--mca btl self,vader,tcp"
        self.assertIn(local, words())
        for env in ({"MUSTER_MPIRUN": "--host a,b"}, {"SLURM_JOB_ID": "1"}, {"OMPI_MCA_btl": "^openib"}):
            self.assertNotIn(local, words(**env), env)
        (self.folder / ".openmpi").mkdir()
        (self.folder / ".openmpi/mca-params.conf").touch()
        self.assertNotIn(local, words())

    def stop(self, signal_number, send=lambda process, number: process.send_signal(number)):
        for saved in (self.folder / "build/dev/bin").glob("muster.*"):
            saved.unlink()
        process = self.start("-n", 2, "true", "x", 200)
        for _ in range(2):
            process.stdout.readline()  # both are there
        time.sleep(1)  # mpirun passes signals on only after it has taken note of that
        started = time.monotonic()
        send(process, signal_number)
        _, err = process.communicate(timeout=30)
        self.assertLess(time.monotonic() - started, 9)  # a request that mpirun lost is repeated after 5 s
        self.assertEqual(sorted(line for line in err.splitlines() if "saves" in line), ["rank 0 saves", "rank 1 saves"])
        self.assertNotIn("Forwarding", err)
        return process.returncode

    def test_each_stop_signal_reaches_both_ranks(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2, signal.SIGHUP):
            self.assertEqual(self.stop(number), 75)

    def test_ctrl_c_which_the_whole_process_group_gets_is_a_stop_request(self):
        self.assertEqual(self.stop(signal.SIGINT, lambda process, number: os.killpg(process.pid, number)), 75)

    def test_signals_followed_by_cont_are_not_lost(self):
        def as_slurm_does(process, number):
            process.send_signal(number)
            process.send_signal(signal.SIGCONT)
        for _ in range(3):
            self.assertEqual(self.stop(signal.SIGUSR2, as_slurm_does), 75)

    def test_when_the_launcher_is_killed_the_ranks_are_told(self):
        self.assertEqual(self.stop(signal.SIGKILL), -signal.SIGKILL)

    def test_a_signal_before_the_ranks_are_there_is_repeated(self):
        process = self.start("-n", 2, "true", "x", 200)
        time.sleep(0.05)  # mpirun needs longer than that to start them
        process.terminate()
        _, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 75)

    def test_wrong_numbers_of_ranks_and_a_missing_mpirun(self):
        for words in (["-n", "0"], ["-n", "two"], ["-n"]):
            code, _, err = self.run_ranks(*words)
            self.assertEqual(code, 2)
            self.assertIn("is no number of ranks; write launch/muster -n 2", err)
        code, _, err = self.run_ranks("-n", 2, "true", env={"SLURM_STEP_NUM_TASKS": "4"})
        self.assertEqual(code, 2)
        self.assertIn("leave -n out, each task is one rank", err)
        without = self.folder / "bin"
        without.mkdir()
        for tool in ("bash", "dirname", "readlink"):
            (without / tool).symlink_to(shutil.which(tool))
        code, _, err = self.run_ranks("-n", 2, "true", env={"PATH": str(without)})
        self.assertEqual(code, 2)
        self.assertIn("mpirun is not installed, and -n 2 needs it; launch/setup.sh installs it", err)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
