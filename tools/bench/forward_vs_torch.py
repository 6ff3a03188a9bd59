#!/usr/bin/env python3
"""Forward and forward+backward of ViT-S and ViT-B: Muster's model library beside eager PyTorch, turn by turn in one run.

    forward_vs_torch.py --bench build/dev/tests/model/forward_bench --python VENV/bin/python [--rounds 10] [--threads 1 2]

Both are processes of their own that compute one pass at a time and wait in between, in turn A B A B, so that whatever else the
machine does hits both. PyTorch runs as it comes, and once more with what Muster sets for itself (--tuned): MKL's kernels for Intel
processors, and freed memory that stays with the process. Printed: median seconds of each, the ratio PyTorch / Muster of
each pair (median, least and largest), and the peak of resident memory, also above what the process has before it builds the model.
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

MODELS = ["dinov3/vits16", "dinov3/vitb16", "dinov2/vits14", "dinov2/vitb14"]
PATIENT = {"GOMP_SPINCOUNT": "1000"}  # as launch/muster: the waiting process takes no processor from the other
TUNED_SOURCE = "int mkl_serv_intel_cpu_true() { return 1; }\n"
TUNED = {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=18446744073709551615"}


class Worker:
    def __init__(self, command, environment):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | PATIENT | environment)
        self.line()

    def line(self):
        text = self.process.stdout.readline()
        if not text:
            sys.exit(f"{self.process.args[0]} ended with {self.process.wait()}")
        return text.split()

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.line()

    def seconds(self, command):
        return float(self.ask(command)[0])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(workers, command, rounds):
    """Seconds per worker and round, the workers in turn; memory of the passes in MiB."""
    rests = []
    for worker in workers:
        rests.append(float(worker.ask("memory")[0]))
        worker.ask("reset")
        worker.ask(f"build {command}")
        worker.seconds(command)  # warm
    times = [[] for _ in workers]
    for _ in range(rounds):
        for worker, seconds in zip(workers, times):
            seconds.append(worker.seconds(command))
    peaks = [float(worker.ask("memory")[1]) for worker in workers]
    return times, rests, peaks


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", required=True)
    parser.add_argument("--python", required=True)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--tuned", action="store_true", help="a third process: PyTorch with Muster's process settings")
    options = parser.parse_args()
    script = pathlib.Path(__file__).with_name("plain_vit.py")
    with tempfile.TemporaryDirectory() as folder:
        library = pathlib.Path(folder) / "libtuned.so"
        if options.tuned:
            subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(library)], input=TUNED_SOURCE, text=True, check=True)
        for threads in options.threads:
            for model in options.models:
                arguments = [model, str(threads), str(options.batch), str(options.size)]
                variants = [("torch", [options.python, str(script)], {}), ("muster", [options.bench], {})]
                if options.tuned:
                    variants.append(("torch, tuned", [options.python, str(script)], TUNED | {"LD_PRELOAD": str(library)}))
                for command in ["forward", "train"]:
                    workers = [Worker(start + arguments, environment) for _, start, environment in variants]
                    times, rests, peaks = measure(workers, command, options.rounds)
                    for worker in workers:
                        worker.close()
                    for i, (name, _, _) in enumerate(variants):
                        ratios = [a / b for a, b in zip(times[i], times[1])]
                        spread = "" if i == 1 else (f"  {name} / muster {statistics.median(ratios):.3f} "
                                                    f"({min(ratios):.3f} to {max(ratios):.3f})")
                        print(f"{model:14} threads={threads} {command:8} {name:13} {statistics.median(times[i]) * 1e3:9.1f} ms  "
                              f"peak {peaks[i]:7.0f} MiB, {peaks[i] - rests[i]:7.0f} for the model{spread}", flush=True)


if __name__ == "__main__":
    main()
