#!/bin/bash
# Builds Muster into build/PRESET/.
#
#   launch/build.sh [PRESET] [TARGET...]     PRESET: dev (default), release, asan, tsan, as in CMakePresets.json
#
#   MUSTER_UNITY=ON|OFF                      ON (asan and tsan): six sources in one translation unit, for a build that is made once
#   MUSTER_CUDA=AUTO|ON|OFF                  AUTO (default): compile CUDA where nvcc is, link it where LibTorch's CUDA libraries are
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case ${1:-dev} in
  dev | release | asan | tsan) preset=${1:-dev} ;;
  -h | --help) sed -n '2,/^set /{/^set /d;s/^# \?//;p}' "$0"; exit 0 ;;
  *) fail "no preset '$1': dev, release, asan or tsan" ;;
esac
shift || true
[ -e "$(torch_root)" ] || fail "no LibTorch at $(torch_root); run launch/setup.sh first"

# nvcc where it is not on the PATH: the toolkit's usual place, or the one that setup.sh fetched.
if [ -z "${CUDACXX:-}" ] && ! command -v nvcc >/dev/null; then
  for nvcc in /usr/local/cuda/bin/nvcc "$DEPS/site-packages/nvidia/cu13/bin/nvcc"; do
    if [ -x "$nvcc" ]; then
      export CUDACXX=$nvcc
      break
    fi
  done
fi

cd "$ROOT"
settings=("-DLibTorch_ROOT=$(torch_root)")
case $preset in
  dev | release) [ -z "${MUSTER_CUDA:-}" ] || settings+=("-DMUSTER_CUDA=$MUSTER_CUDA") ;;  # the sanitizers' presets have none
esac
[ -z "${MUSTER_UNITY:-}" ] || settings+=("-DCMAKE_UNITY_BUILD=$MUSTER_UNITY")
say "configure $preset"
mkdir -p "$LOGS"
if ! cmake --preset "$preset" "${settings[@]}" >"$LOGS/configure-$preset.log" 2>&1; then
  tail -n 25 "$LOGS/configure-$preset.log" >&2
  fail "CMake could not configure; log: $LOGS/configure-$preset.log; remedy: launch/setup.sh installs what is missing; if that is done, remove build/$preset"
fi
grep -h '^-- CUDA:' "$LOGS/configure-$preset.log" || true
jobs=$(build_jobs)
say "build $preset with $jobs jobs"
cmake --build "build/$preset" --parallel "$jobs" ${1:+--target "$@"}
say "build/$preset: $SECONDS s"
