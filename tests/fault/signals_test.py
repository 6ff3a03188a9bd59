"""A stop request, whoever gets it, saves and ends with 75; in the end the weights are those of a run that was left alone."""

import os
import signal
import time

import ranks


def to_rank(rank):
    def send(process, out, number):
        os.kill(ranks.pids_of_ranks(out)[rank], number)
    return send


def to_all(process, out, number):
    for pid in ranks.pids_of_ranks(out).values():
        os.kill(pid, number)


def to_launcher(process, out, number):
    process.send_signal(number)


class Signals(ranks.AgainstWholeRun):
    def stop(self, out, step, send, number):
        process = ranks.start(2, *self.words(out))
        ranks.wait_for_step(process, out, step)
        send(process, out, number)
        said = process.communicate(timeout=60)[0]
        self.assertEqual(process.returncode, 75, said)
        self.assertEqual(said.count("asked to stop"), 1, said)
        self.assertEqual(ranks.pids_of_ranks(out), {})
        return said

    def test_any_target_saves_and_the_same_command_goes_on_to_the_same_weights(self):
        out = self.folder / "stopped"
        step = 4
        for number in (signal.SIGTERM, signal.SIGUSR2):
            for send in (to_rank(0), to_rank(1), to_all, to_launcher):
                self.stop(out, step, send, number)
                saved = int((out / "checkpoints/last").readlink().name.removeprefix("step-"))
                self.assertGreaterEqual(saved, step)
                step = saved + 3
        self.assertLess(step, self.STEPS, "all stops must come before the end")
        code, said = ranks.run(2, *self.words(out))
        self.assertEqual(code, 0, said)
        self.assertEqual(said.count("resumed after step"), 1, said)
        self.assertEqual(ranks.weights(out), ranks.weights(self.whole))
        losses = [[(record["step"], record["loss"]) for record in ranks.records(folder) if "loss" in record] for folder in (out, self.whole)]
        self.assertEqual(*losses)

    def test_a_signal_in_the_first_moments_is_not_lost(self):
        for delay in (0.05, 0.4, 1.0):
            out = self.folder / f"early-{delay}"
            process = ranks.start(2, *self.train_words(out, 2000, *self.MORE))
            time.sleep(delay)
            process.terminate()
            said = process.communicate(timeout=60)[0]
            self.assertEqual(process.returncode, 75, said)
            self.assertEqual(ranks.pids_of_ranks(out), {})

    def test_when_the_launcher_is_killed_the_run_saves(self):
        out = self.folder / "orphaned"
        process = ranks.start(2, *self.words(out))
        ranks.wait_for_step(process, out, 4)
        process.kill()
        process.communicate(timeout=60)
        deadline = time.monotonic() + 30
        while ranks.pids_of_ranks(out):
            self.assertLess(time.monotonic(), deadline, "ranks outlived their launcher")
            time.sleep(0.1)
        self.assertTrue((out / "checkpoints/last/COMMIT").exists())


if __name__ == "__main__":
    ranks.main()
