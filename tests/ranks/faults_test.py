"""faults_test.py MPIRUN COLLECTIVES STEPS: what happens to MPI ranks when one leaves, is in the wrong order, is stopped, is killed, or is slow."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

MPIRUN, COLLECTIVES, STEPS = sys.argv[1:4]
ENVIRONMENT = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def start(ranks: int, *command: str) -> subprocess.Popen:
    return subprocess.Popen([MPIRUN, "--oversubscribe", "--bind-to", "none", "-n", str(ranks), *command],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT)


def ends(pid: int) -> bool:
    """mpirun kills a stopped rank a second after the others have left."""
    for _ in range(50):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


class Faults(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="muster-test-")
        self.folder = pathlib.Path(self.temporary.name)

    def tearDown(self):
        self.temporary.cleanup()

    def fault(self, signal_number: int, ranks: int = 3, deadline: str = "2"):
        """Sends a signal to rank 1 once it is in its steps. Returns mpirun's exit code, the output, seconds, (pid, pid in /proc) and the report."""
        job = start(ranks, STEPS, str(self.folder), deadline, "1000000", "0.001")
        pid_file = self.folder / "rank-1"
        while not pid_file.exists() and job.poll() is None:
            time.sleep(0.01)
        self.assertIsNone(job.poll(), "the ranks ended before the fault")
        pid, shown = map(int, pid_file.read_text().split())  # two numbers where /proc belongs to another PID namespace
        os.kill(pid, signal_number)
        begin = time.monotonic()
        output, _ = job.communicate(timeout=60)
        seconds = time.monotonic() - begin
        report = self.folder / "flight" / "report.json"
        self.assertTrue(report.exists(), output)
        return job.returncode, output, seconds, (pid, shown), json.loads(report.read_text())

    def test_a_stopped_rank_is_named_and_all_leave(self):
        code, output, seconds, (pid, shown), report = self.fault(signal.SIGSTOP)
        self.assertEqual(code, 75, output)
        self.assertRegex(output, rf"rank 1 on \S+ \(pid {shown}\) is stopped")
        self.assertIn("waited longer than 2 s (parallel.timeout_s.step)", output)
        self.assertEqual(len(re.findall("All ranks leave", output)), 1, output)
        self.assertGreater(seconds, 1.9)
        self.assertLess(seconds, 8)
        self.assertEqual([rank["process"] for rank in report["ranks"]], ["running", "stopped", "running"])
        self.assertTrue(all(rank["operations"] for rank in report["ranks"]), "a ring is empty")
        self.assertTrue(ends(pid), "the stopped rank is still there")

    def test_a_killed_rank_is_named_by_those_that_survive_it(self):
        code, output, seconds, (_, shown), report = self.fault(signal.SIGKILL, deadline="300")
        self.assertEqual(code, 137, output)  # mpirun's own; launch/muster makes it 75
        self.assertRegex(output, rf"rank 1 on \S+ \(pid {shown}\) is dead")
        self.assertLess(seconds, 8)
        self.assertEqual(report["ranks"][1]["process"], "dead")
        self.assertTrue(report["ranks"][1]["operations"], "the dead rank's ring is empty")

    def test_slow_ranks_raise_no_alarm(self):
        # MUSTER_WATCHDOG_STEPS=1000 is the long form.
        steps = os.environ.get("MUSTER_WATCHDOG_STEPS", "20")
        job = start(2, STEPS, str(self.folder), "0.5", steps, "0.45")
        output, _ = job.communicate(timeout=60 + int(steps))
        self.assertEqual(job.returncode, 0, output)
        self.assertFalse((self.folder / "flight").exists(), output)

    def test_a_job_that_was_suspended_goes_on(self):
        job = start(2, STEPS, str(self.folder), "1", "3000", "0.001")
        pid_files = [self.folder / f"rank-{rank}" for rank in range(2)]
        while not all(file.exists() for file in pid_files) and job.poll() is None:
            time.sleep(0.01)
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for file in pid_files:
                os.kill(int(file.read_text().split()[0]), number)
            time.sleep(3 if number == signal.SIGSTOP else 0)
        output, _ = job.communicate(timeout=60)
        self.assertEqual(job.returncode, 0, output)

    def test_a_rank_that_leaves_is_heard_by_all(self):
        self.expect_heard("leave")

    def test_a_wrong_order_is_heard_by_all(self):
        self.expect_heard("order")

    def expect_heard(self, scenario: str):
        job = start(3, COLLECTIVES, scenario)
        output, _ = job.communicate(timeout=60)
        self.assertEqual(job.returncode, 75, output)
        self.assertEqual(sorted(re.findall(r"rank (\d) heard it", output)), ["0", "1", "2"], output)

    def test_no_board_is_left_in_shared_memory(self):
        left = [name for name in os.listdir("/dev/shm") if name.startswith(f"muster-board.{os.getuid()}.")]
        self.assertEqual(left, [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
