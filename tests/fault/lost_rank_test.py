"""A rank that dies or stands still: all are out in time, the rank is named, and the run goes on where it last saved."""

import os
import signal
import time

import ranks


class LostRank(ranks.AgainstWholeRun):
    STEPS = 30

    def finish_as_undisturbed(self, out):
        code, said = ranks.run(2, *self.words(out))
        self.assertEqual(code, 0, said)
        self.assertIn("resumed after step 10", said)
        self.assertEqual(ranks.weights(out), ranks.weights(self.whole))

    def test_a_killed_rank_is_named_with_its_signal(self):
        for rank in (0, 1):
            out = self.folder / f"killed-{rank}"
            process = ranks.start(2, *self.words(out))
            ranks.wait_for_step(process, out, 13)
            os.kill(ranks.pids_of_ranks(out)[rank], signal.SIGKILL)
            said = process.communicate(timeout=15)[0]
            self.assertEqual(process.returncode, 75, said)
            self.assertRegex(said, rf"rank {rank} .*(SIGKILL|is dead|died|gone)")
            self.assertNotIn("-" * 70, said)
            self.assertEqual(ranks.pids_of_ranks(out), {})
            self.finish_as_undisturbed(out)

    def test_a_rank_that_stands_still_is_named_within_the_deadline(self):
        for rank in (0, 1):
            out = self.folder / f"stopped-{rank}"
            process = ranks.start(2, *self.words(out, "parallel.timeout_s.step=3"))
            ranks.wait_for_step(process, out, 13)
            began = time.monotonic()
            os.kill(ranks.pids_of_ranks(out)[rank], signal.SIGSTOP)
            said = process.communicate(timeout=30)[0]
            self.assertEqual(process.returncode, 75, said)
            self.assertLess(time.monotonic() - began, 3 + 8)
            self.assertRegex(said, rf"rank {rank}\b")
            self.assertEqual(ranks.pids_of_ranks(out), {}, "a stopped rank was left behind")
            self.assertTrue((out / "flight").is_dir(), said)
            self.finish_as_undisturbed(out)


    def test_an_evaluation_ends_within_the_deadline_too(self):
        out = self.folder / "eval"
        process = ranks.start(2, "eval", f"model={self.whole}", f"data={self.data}", f"out={out}", "parallel.timeout_s.first_step=3")
        said = ""
        while "weights: " not in said:
            line = process.stdout.readline()
            self.assertTrue(line, said)
            said += line
        os.kill(ranks.pids_of_ranks(out)[1], signal.SIGSTOP)
        said += process.communicate(timeout=30)[0]
        self.assertEqual(process.returncode, 75, said)
        self.assertRegex(said, r"rank 1\b")
        self.assertFalse((out / "eval.json").exists())


if __name__ == "__main__":
    ranks.main()
