#!/bin/bash
# launch_scripts_test.sh LAUNCH: the scripts of launch/ in a checkout of their own, with small programs in place of a build.
set -uo pipefail
unset MUSTER_TORCH_DIR MUSTER_CUDA MUSTER_BUILD OMP_NUM_THREADS
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$1" "$work/launch"
cd "$work" || exit 1
failures=0

# expect NAME STATUS PATTERN COMMAND...: the command ends with STATUS and its output matches the pattern (grep -E).
expect() {
  local name=$1 status=$2 pattern=$3 output rc=0
  shift 3
  output=$("$@" 2>&1) || rc=$?
  if [ $rc -ne "$status" ] || ! grep -qE "$pattern" <<<"$output"; then
    printf 'FAILED: %s: status %s (wanted %s), output (wanted /%s/):\n%s\n' "$name" "$rc" "$status" "$pattern" "$output"
    failures=$((failures + 1))
  fi
}

# build PRESET AGE-IN-MINUTES: a "muster" that says where it lies, its threads and its arguments.
build() {
  mkdir -p "build/$1/bin"
  printf '#!/bin/bash\necho "%s threads=${OMP_NUM_THREADS:-} $*"\nexit 75\n' "$1" >"build/$1/bin/muster"
  chmod +x "build/$1/bin/muster"
  touch -d "$2 minutes ago" "build/$1/bin/muster"
}

expect "muster without a build names the next step" 2 "nothing is built in .*/build; run launch/setup.sh and launch/build.sh" launch/muster doctor
build release 5
build dev 1
build asan 0
expect "muster runs the newest build without a sanitizer and passes its status on" 75 "^dev " launch/muster doctor
touch build/release/bin/muster
expect "muster passes arguments as they are" 75 "^release .* train a b=c d$" launch/muster train "a b=c" d
expect "muster leaves the number of threads to the program" 75 "threads= x$" launch/muster x
expect "muster leaves threads alone when they are set" 75 "threads=7 " env OMP_NUM_THREADS=7 launch/muster x
expect "muster -n 1 is one process, without mpirun" 75 "^release .* x -n 2$" launch/muster -n 1 x -n 2
expect "muster takes a named build" 75 "^asan " env MUSTER_BUILD=asan launch/muster x
ln -s "$work/launch/muster" "$work/muster-link"
expect "muster is found through a link" 75 "^release " "$work/muster-link" x

expect "build names the presets" 1 "no preset 'fast': dev, release, asan or tsan" launch/build.sh fast
expect "build asks for the set-up first" 1 "no LibTorch at .*; run launch/setup.sh first" launch/build.sh dev

# From here on every Debian package counts as installed, and Python fails: nothing is downloaded by a test.
mkdir -p fake empty given/include/ATen
printf '#!/bin/bash\necho installed\n' >fake/dpkg-query
printf '#!/bin/bash\necho "no network"; exit 3\n' >fake/python3
chmod +x fake/*
PATH=$work/fake:$PATH
touch given/include/ATen/ATen.h
expect "setup refuses a folder without LibTorch" 1 "MUSTER_TORCH_DIR=empty holds no LibTorch" env MUSTER_TORCH_DIR=empty launch/setup.sh
expect "setup refuses a wrong MUSTER_CUDA" 1 "MUSTER_CUDA=yes: must be ON, OFF or AUTO" env MUSTER_CUDA=yes launch/setup.sh
expect "a failed stage names the stage, the log and the remedy" 1 "stage 'download' ended with 3 .*log: .*/download.log; remedy: check the network" \
  env MUSTER_CUDA=OFF launch/setup.sh
expect "and shows the end of the log" 1 "\| no network" env MUSTER_CUDA=OFF launch/setup.sh
expect "a given LibTorch is taken" 0 "LibTorch: given" env MUSTER_TORCH_DIR=given launch/setup.sh
expect "and remembered" 0 "^setup: ready" launch/setup.sh
expect "help prints the usage" 0 "launch/setup.sh --tests" launch/setup.sh --help

[ $failures -eq 0 ] && echo "all launch scripts behave"
exit $((failures > 0))
