#!/bin/bash
# Sets up, builds, and runs every test that needs no GPU and no SLURM; then the ASan + UBSan ring. Ends with ctest's status.
#
#   launch/test.sh              everything
#   launch/test.sh --no-asan    without the second build under the sanitizers
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

asan=1
case ${1:-} in
  "") ;;
  --no-asan) asan=0 ;;
  *) sed -n '2,/^set /{/^set /d;s/^# \?//;p}' "$0"; [ "$1" = --help ]; exit ;;
esac

# Tests run side by side, one thread each; those that are about threads set them themselves.
export OMP_NUM_THREADS=1

# run_ring PRESET CTEST-ARGUMENTS...: a test that cannot start (a missing program) counts as failed, none is left out silently.
run_ring() {
  local preset=$1
  shift
  ctest --test-dir "$ROOT/build/$preset" --output-on-failure --no-tests=error --parallel "$(build_jobs)" -LE '^(gpu|slurm)$' "$@" </dev/null
}

# LeakSanitizer looks itself up in /proc. In a container that shows another PID namespace's /proc it ends every test with an error.
proc_shows_us() {
  local shown
  read -r shown _ </proc/self/stat && [ "$shown" = "$BASHPID" ]
}

"$ROOT/launch/setup.sh" --tests
"$ROOT/launch/build.sh" dev
run_ring dev
if [ $asan = 1 ]; then
  "$ROOT/launch/build.sh" asan
  if ! proc_shows_us; then
    say "asan without leak detection: /proc belongs to another PID namespace here, and LeakSanitizer needs its own"
    export ASAN_OPTIONS=detect_leaks=0
  fi
  run_ring asan -L '^unit$'
fi
say "all rings passed after $SECONDS s"
