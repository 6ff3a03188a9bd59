#!/usr/bin/env python3
"""mpi_equals_threads.py PROGRAM: the tiny training under mpirun gives, bit for bit, what the same ranks as threads give."""
import os
import subprocess
import sys

program = sys.argv[1]
environment = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMP_NUM_THREADS": "1"}


def output(command):
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


for ranks, plan in [(2, ["1", "fp32", "8"]), (3, ["3", "fp32", "4"]), (4, ["1", "fp64", "4"])]:
    threads = output([program, "--threads", str(ranks), *plan])
    mpi = output(["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), program, *plan])
    print(ranks, *plan, threads, mpi)
    if len(threads) != 32 or threads != mpi:
        sys.exit(f"{ranks} ranks: threads {threads}, mpirun {mpi}")
