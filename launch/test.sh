#!/bin/bash
# Sets up, builds, and runs every test that needs no GPU and no SLURM; then the unit and ranks rings under ASan + UBSan, and what is
# about threads under TSan. Ends with ctest's status.
#
#   launch/test.sh              everything
#   launch/test.sh --no-asan    without the two builds under the sanitizers
#
#   MUSTER_FULL_TESTS=1         campaigns of kills and long runs at full length
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

# Many a test waits, for deadlines and for processes that it stopped: two more than there are processors run at a time.
# run_ring PRESET CTEST-ARGUMENTS...: a test that cannot start (a missing program) counts as failed, none is left out silently.
run_ring() {
  local preset=$1
  shift
  ctest --test-dir "$ROOT/build/$preset" --output-on-failure --no-tests=error --parallel $(($(build_jobs) + 2)) -LE '^(gpu|slurm)$' "$@" </dev/null
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
  run_ring asan -L '^(unit|ranks)$'

  # Dist, loader and labelling: the modules with threads of their own. LibTorch is not instrumented, so what happens within it is left out.
  threads=(test_dist test_data test_label)
  "$ROOT/launch/build.sh" tsan "${threads[@]}"
  TSAN_OPTIONS=ignore_noninstrumented_modules=1 run_ring tsan -R "^($(IFS='|'; echo "${threads[*]}"))\$"
fi
say "all rings passed after $SECONDS s"
