"""A run on two ranks and a packed set that is incomplete, mixed up, locked or rewritten: it says which file, once, and ends; or it reads it."""

import fcntl
import json
import os
import shutil
import subprocess
import time

import program

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "MUSTER_BUILD": program.MUSTER.parents[1].name}


class BadData(program.ProgramTest):
    def setUp(self):
        self.copy = self.folder / "copy"
        shutil.copytree(self.data, self.copy)
        self.shard = self.copy / "train-00000.h5"
        self.out = self.folder / "run"

    def tearDown(self):
        shutil.rmtree(self.copy)
        shutil.rmtree(self.out, ignore_errors=True)

    def train(self, *more, code=0, says=()):
        words = [str(program.SOURCE / "launch" / "muster"), "-n", "2", *self.train_words(self.out, 3, f"data={self.copy}", *more)]
        start = time.monotonic()
        done = subprocess.run(words, cwd=program.SOURCE, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        self.assertEqual(done.returncode, code, done.stdout)
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, done.stdout)
        if code:
            self.assertLess(time.monotonic() - start, 60, "the ranks waited for each other")
        return done.stdout

    def records(self):
        return [json.loads(line) for line in (self.out / "metrics.jsonl").read_text().splitlines()]

    def test_a_missing_shard_is_said_once_and_nothing_is_begun(self):
        self.shard.unlink()
        said = self.train(code=3, says=["train-00000.h5", "is missing"])
        self.assertEqual(said.count("train-00000.h5"), 1, said)
        self.assertFalse(self.out.exists(), "train left something behind")

    def test_a_missing_shard_of_the_validation_split_too(self):
        (self.copy / "val-00000.h5").unlink()
        self.train(code=3, says=["val-00000.h5", "is missing"])
        self.assertFalse(self.out.exists(), "train left something behind")

    def test_a_shortened_index_and_a_flipped_bit_in_it(self):
        index = self.copy / "index-train.h5"
        content = bytearray(index.read_bytes())
        index.write_bytes(content[:-10])
        self.train(code=3, says=["index-train.h5", "damaged"])
        content[len(content) // 2] ^= 1
        index.write_bytes(content)
        self.train(code=3, says=["index-train.h5", "damaged"])

    def test_a_shard_of_another_data_set(self):
        other = self.folder / "other"
        sources = self.folder / "other_sources"
        shutil.copytree(self.sources / "train", sources / "train")
        for kind in ("images", "masks"):
            sorted((sources / "train" / kind).iterdir())[0].unlink()
        self.check_run("pack", *self.pack_words("train", sources), f"out={other}")
        shutil.copy(other / "train-00000.h5", self.shard)
        self.train(code=3, says="train-00000.h5")

    def test_locked_files_are_read(self):
        holders = []
        for path in sorted(self.copy.glob("*.h5")):
            holders.append(open(path, "r+b"))
            fcntl.flock(holders[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.train()
        for holder in holders:
            holder.close()

    def test_a_shard_that_h5repack_rewrote_is_read_and_gives_the_same_run(self):
        self.train()
        before = [record["loss"] for record in self.records() if "loss" in record]
        shutil.rmtree(self.out)
        subprocess.run(["h5repack", "-t", "1", "-a", "8192", str(self.shard), str(self.copy / "repacked")], check=True)
        (self.copy / "repacked").rename(self.shard)
        self.train()
        self.assertEqual([record["loss"] for record in self.records() if "loss" in record], before)

    def test_what_data_cost_is_in_metrics_and_log(self):
        said = self.train("logger_args.log_every_num_steps=1")
        steps = [record for record in self.records() if "loss" in record]
        for record in steps:
            self.assertGreaterEqual(record["data/wait_share"], 0)
            self.assertLessEqual(record["data/wait_share"], 1)
            self.assertEqual(record["data/retries"], 0)
            self.assertEqual(record["data/crc_failures"], 0)
            self.assertEqual(record["data/cache_evictions"], 0)
            self.assertGreaterEqual(record["data/crops_without_class"], 0)
        self.assertGreaterEqual(steps[-1]["data/reads"], 2 * 2 * 3)  # of this rank: two images and two masks a step
        self.assertGreater(steps[-1]["data/read_mb"], 0)
        self.assertGreater(steps[-1]["data/cache_hits"], steps[-1]["data/cache_misses"])
        self.assertRegex(said, r"data: \d+ reads, [\d.]+ MB in [\d.]+ s of reading; 0 read again, 0 with a wrong checksum; [\d.]+ % of the steps' time "
                               r"spent waiting; shards found open \d+ times, opened \d+, closed for another 0; \d+ crops without a learned class")

    def test_rare_classes_more_often(self):
        self.train("loader.sampling=rare_class", "loader.sampling_args.temperature=0.1", "logger_args.sample_ids=true")
        ids = [tuple(batch) for path in sorted(self.out.glob("sample_ids/rank-*.jsonl")) for line in path.read_text().splitlines()
               for batch in json.loads(line)["micro_batches"]]
        self.assertEqual(sum(len(batch) for batch in ids), 4 * 3)
        self.train("loader.sampling=uniform", code=2, says=["holds another run", "loader.sampling"])


if __name__ == "__main__":
    program.main()
