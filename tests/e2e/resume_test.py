"""A run that is stopped, killed or finds a damaged checkpoint ends with the weights of a run that was left alone, bit for bit."""

import json
import signal

import program

QUARTER = 10 if program.FULL else 6  # steps of a run; each quarter ends with a checkpoint
STEPS = 4 * QUARTER
MORE = [f"save_checkpoint_args.save_every_num_steps={QUARTER}", f"logger_args.val_every_num_steps={2 * QUARTER}", "logger_args.log_every_num_steps=1",
        f"model_args.attn_mask_annealing_steps_start=[4,{QUARTER + 2},{2 * QUARTER}]",
        f"model_args.attn_mask_annealing_steps_end=[{QUARTER + 2},{2 * QUARTER},{3 * QUARTER}]"]


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


class Resume(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.whole = cls.folder / "whole"
        done = program.run(*cls.train_words(cls, cls.whole, STEPS, *MORE))
        if done.returncode != 0:
            raise AssertionError(done.text)

    def step_of(self, out):
        records = [json.loads(line) for line in lines(out / "metrics.jsonl")]
        return max([record["step"] for record in records if "loss" in record], default=0)

    def interrupt(self, out, step, signal_number):
        process = program.start(*self.train_words(out, STEPS, *MORE))
        return program.stop_when(process, lambda: self.step_of(out) >= step, signal_number)

    def finish(self, out):
        return self.check_run(*self.train_words(out, STEPS, *MORE))

    def assert_same_weights(self, out):
        for path in ("exported_models/exported_last.safetensors", "exported_models/exported_best.safetensors"):
            self.assertEqual((out / path).read_bytes(), (self.whole / path).read_bytes(), path)
        shard = "checkpoints/last/shard-00000-of-00001.safetensors"  # moments too
        self.assertEqual((out / shard).read_bytes(), (self.whole / shard).read_bytes())

    def assert_same_losses(self, out):
        def losses(folder):
            records = [json.loads(line) for line in lines(folder / "metrics.jsonl")]
            return [(record["step"], record["loss"]) for record in records if "loss" in record]
        self.assertEqual(losses(out), losses(self.whole))

    def test_the_weights_moved_and_masks_were_on_and_off(self):
        first = program.run(*self.train_words(self.folder / "first", 1))
        self.assertEqual(first.returncode, 0, first.text)
        before = (self.folder / "first/exported_models/exported_last.safetensors").read_bytes()
        self.assertNotEqual(before, (self.whole / "exported_models/exported_last.safetensors").read_bytes())

    def test_sigterm_and_sigusr2_save_and_end_with_75(self):
        for number in (signal.SIGTERM, signal.SIGUSR2):
            out = self.folder / f"stopped-{number}"
            code, said = self.interrupt(out, QUARTER + 3, number)
            self.assertEqual(code, 75, said)
            self.assertIn("asked to stop", said)
            stopped_at = int((out / "checkpoints/last").readlink().name.removeprefix("step-"))
            self.assertTrue(QUARTER + 3 <= stopped_at < STEPS)
            self.assertIn(f"resumed after step {stopped_at}", self.finish(out).text)
            self.assert_same_weights(out)
            self.assert_same_losses(out)

    def test_a_kill_costs_only_the_steps_since_the_last_save(self):
        out = self.folder / "killed"
        code, _ = self.interrupt(out, 2 * QUARTER + 3, signal.SIGKILL)
        self.assertEqual(code, -signal.SIGKILL)
        self.assertIn(f"resumed after step {2 * QUARTER}", self.finish(out).text)
        self.assert_same_weights(out)
        self.assert_same_losses(out)

    def test_a_damaged_checkpoint_is_named_and_the_one_before_is_taken(self):
        out = self.folder / "damaged"
        self.assertEqual(self.interrupt(out, 2 * QUARTER + 2, signal.SIGTERM)[0], 75)
        newest = (out / "checkpoints/last").resolve()
        shard = newest / "shard-00000-of-00001.safetensors"
        content = bytearray(shard.read_bytes())
        content[len(content) // 2] ^= 1
        shard.write_bytes(content)
        said = self.finish(out).text
        self.assertIn("damaged checkpoint", said)
        self.assertIn(newest.name, said)
        self.assertIn(f"resumed after step {2 * QUARTER}", said)
        self.assert_same_weights(out)

    def test_when_all_are_damaged_it_ends_with_4(self):
        out = self.folder / "all_damaged"
        self.assertEqual(self.interrupt(out, QUARTER + 2, signal.SIGTERM)[0], 75)
        for manifest in out.glob("checkpoints/step-*/manifest.json"):
            manifest.write_text(manifest.read_text().replace("0", "1"))
        self.check_run(*self.train_words(out, STEPS, *MORE), code=4, says="no checkpoint is whole")


if __name__ == "__main__":
    program.main()
