#!/usr/bin/env python3
"""Kills `muster pack` at random moments, starts it again, and compares the folder with that of a packing that was left alone.

tests/pack/kill_campaign.py MUSTER [--kills 20] [--ranks 1 2 3] [--seed 0] [--recipe datasets/sample/pack.yaml] [--shard-bytes 60000]

Also packs the set with each number of ranks and with 1, 2 and 4 threads: the same bytes each time. A kill takes one random process of
the packing, or all of them at once; every fourth comes when a shard is finished, the others at any time. Ends with 1 when a folder differs,
or when no kill left finished shards without their manifest. In ctest with few kills (pack_killed), with 20 where MUSTER_FULL_TESTS=1.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]


def contents(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(Path(folder).iterdir())}


def own_pid(process):
    """The number to send signals to: another than its folder's where /proc belongs to another PID namespace."""
    for line in (process / "status").read_text().splitlines():
        if line.startswith("NSpid:"):
            return int(line.split()[-1])
    raise ProcessLookupError


def processes_of(out):
    """{process id: name of its program} of the launch that packs into `out`."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            if f"out={out}".encode() in words and own_pid(process) != os.getpid():
                found[own_pid(process)] = Path(os.fsdecode(words[0])).name
        except OSError:
            continue  # ended meanwhile
    return found


class Packer:
    def __init__(self, muster, recipe, shard_bytes):
        self.muster, self.recipe, self.shard_bytes = Path(muster).resolve(), recipe, shard_bytes

    def start(self, out, ranks, *more):
        program = [self.muster] if ranks == 1 else [SOURCE / "launch/muster", "-n", str(ranks)]
        words = [*program, "pack", self.recipe, f"out={out}", f"shard_bytes={self.shard_bytes}", *more]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MUSTER_BUILD": self.muster.parents[1].name}
        return subprocess.Popen([str(word) for word in words], cwd=SOURCE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run(self, out, ranks, *more):
        """Seconds that it took."""
        begin = time.monotonic()
        process = self.start(out, ranks, *more)
        said = process.communicate(timeout=600)[0]
        if process.returncode != 0:
            raise AssertionError(f"pack with {ranks} ranks ended with {process.returncode}:\n{said}")
        return time.monotonic() - begin


def kill(out, choice):
    """SIGKILL to one process or to all of the launch; returns how many were hit."""
    found = processes_of(out)
    packers = [pid for pid, name in found.items() if name == "muster"]
    victims = list(found) if choice.random() < 0.5 else ([choice.choice(packers)] if packers else list(found))
    for pid in victims:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return len(victims)


def wait_until_gone(out):
    deadline = time.monotonic() + 60
    while processes_of(out):
        if time.monotonic() > deadline:
            raise AssertionError(f"processes were left: {processes_of(out)}")
        time.sleep(0.02)


def wait_for_shards(process, out, count):
    deadline = time.monotonic() + 60
    while len(list(out.glob("*-?????.h5"))) < count and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)


def campaign(packer, reference, folder, ranks, kills, seconds, choice, say):
    """`kills` kills of packings over `ranks`; a packing that comes to its end is compared and a new one begun."""
    out = folder / f"killed-{ranks}"
    done, finished, kept_most = 0, 0, 0
    while True:
        if done == kills:
            packer.run(out, ranks)
        else:
            process = packer.start(out, ranks)
            if done % 2 == 1:  # between the first shard and the manifest, which a drawn time may miss
                wait_for_shards(process, out, choice.randint(1, max(1, len(reference) // 2)))
            else:
                time.sleep(choice.uniform(0.05, 1.0) * seconds)
            running = process.poll() is None
            if running:
                kill(out, choice)
            said = process.communicate(timeout=120)[0]
            wait_until_gone(out)
            if process.returncode != 0:
                if not running:
                    raise AssertionError(f"pack failed by itself with {process.returncode}:\n{said}")
                done += 1
                if out.exists() and not (out / "manifest.json").exists():
                    kept_most = max(kept_most, len(list(out.glob("*-?????.h5"))))
                if (out / "manifest.json").exists() and contents(out) == reference:
                    shutil.rmtree(out)  # killed after the last rename
                continue
        if contents(out) != reference:
            mine = contents(out)
            names = sorted(name for name in mine.keys() | reference.keys() if mine.get(name) != reference.get(name))
            raise AssertionError(f"after {done} kills with {ranks} ranks these files differ: {names[:10]}")
        finished += 1
        shutil.rmtree(out)
        if done == kills:
            if kept_most == 0:
                raise AssertionError(f"none of {kills} kills with {ranks} ranks came between the first shard and the manifest")
            say(f"{ranks} ranks: {kills} kills, {finished} packings came to their end, each the same bytes; up to {kept_most} shards were kept")
            return


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("muster", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipe", default="datasets/sample/pack.yaml")
    parser.add_argument("--shard-bytes", type=int, default=60000)
    arguments = parser.parse_args()
    if os.environ.get("MUSTER_FULL_TESTS") == "1":
        arguments.kills = max(20, arguments.kills)
    choice = random.Random(arguments.seed)
    packer = Packer(arguments.muster, arguments.recipe, arguments.shard_bytes)
    with tempfile.TemporaryDirectory(prefix="muster_kill.") as scratch:
        folder = Path(scratch)
        packer.run(folder / "alone", 1)
        reference = contents(folder / "alone")
        print(f"{len(reference)} files, seed {arguments.seed}", flush=True)
        for ranks in arguments.ranks:
            for threads in arguments.threads:
                packer.run(folder / "same", ranks, f"threads={threads}")
                if contents(folder / "same") != reference:
                    raise AssertionError(f"{ranks} ranks and {threads} threads give other bytes")
                shutil.rmtree(folder / "same")
        print(f"the same bytes with {arguments.ranks} ranks and {arguments.threads} threads", flush=True)
        for ranks in arguments.ranks:
            seconds = packer.run(folder / "timed", ranks)
            shutil.rmtree(folder / "timed")
            campaign(packer, reference, folder, ranks, arguments.kills, seconds, choice, lambda text: print(text, flush=True))


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        sys.exit(f"kill_campaign: {error}")
