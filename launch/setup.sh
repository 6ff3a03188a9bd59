#!/bin/bash
# Installs what building Muster needs and this machine lacks: Debian packages, and LibTorch in .deps/ (git-ignored).
#
#   launch/setup.sh            packages and LibTorch; a second run takes under a second
#   launch/setup.sh --tests    also .deps/test-venv: Python programs that read our files in tests (never used at run time)
#
#   MUSTER_TORCH_DIR=DIR       use the LibTorch in DIR (a venv, site-packages/torch, or libtorch/) instead of downloading one
#   MUSTER_CUDA=ON|OFF         with or without the CUDA libraries (3.9 GB); without it: ON where nvidia-smi finds a GPU
#
# Needs root or sudo only where packages are missing. Each stage keeps its output in .deps/log/.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

TORCH_VERSION=2.11.0
PACKAGES="ca-certificates git g++ cmake ninja-build pkg-config ccache mold python3 python3-venv hdf5-tools
  libhdf5-dev libspdlog-dev libyaml-cpp-dev nlohmann-json3-dev libcli11-dev libxxhash-dev zlib1g-dev libgtest-dev libgmock-dev
  libopencv-core-dev libopencv-imgproc-dev libturbojpeg0-dev libjpeg-dev libpng-dev libdeflate-dev
  libwebp-dev libtiff-dev libopenjp2-7-dev libdcmtk-dev
  libopenmpi-dev openmpi-bin libboost-dev libcurl4-openssl-dev libssl-dev"
# libtorch_cpu itself needs the first two; the others are what libtorch_cuda needs, in the versions that the wheel names.
CPU_WHEELS="nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85"
CUDA_WHEELS="nvidia-cuda-nvrtc==13.0.88 nvidia-cublas==13.1.0.3 nvidia-cufft==12.0.0.61 nvidia-curand==10.4.0.35
  nvidia-cusolver==12.0.4.66 nvidia-cusparse==12.6.3.3 nvidia-nvjitlink==13.0.88 nvidia-cufile==1.15.1.6 nvidia-cudnn-cu13==9.19.0.56
  nvidia-cusparselt-cu13==0.8.0 nvidia-nccl-cu13==2.28.9 nvidia-nvshmem-cu13==3.4.5 nvidia-nvtx==13.0.85"
NVCC_WHEELS="nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-cccl==13.0.85
  nvidia-cuda-profiler-api==13.0.85"

missing_packages() {
  local package
  command -v dpkg-query >/dev/null || return 0  # another distribution: CMake names what it does not find
  for package in $PACKAGES; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || printf '%s ' "$package"
  done
}

install_packages() {
  local as_root=""
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "not root, and no sudo here"; return 1; }
    as_root=sudo
  fi
  export DEBIAN_FRONTEND=noninteractive
  $as_root apt-get update && $as_root apt-get install -y --no-install-recommends "$@"
}

# Whether the CUDA libraries are wanted. The stamp is asked before nvidia-smi, which takes a second.
wants_cuda() {
  case ${MUSTER_CUDA:-AUTO} in
    ON) return 0 ;;
    OFF) return 1 ;;
    AUTO) grep -qs ' cuda' "$DEPS/.stamp" || nvidia-smi -L >/dev/null 2>&1 ;;
    *) fail "MUSTER_CUDA=$MUSTER_CUDA: must be ON, OFF or AUTO" ;;
  esac
}

has_nvcc() { command -v nvcc >/dev/null || [ -x /usr/local/cuda/bin/nvcc ]; }

# What stage() runs is chained with &&: bash switches `set -e` off in there.
make_venv() { rm -rf "$1" && python3 -m venv "$1"; }

# pip is told which wheel to take, so the result does not depend on the Python that runs it: the C++ part is the same for all.
download_wheels() {
  local machine glibc platforms
  machine=$(uname -m)
  platforms=(--platform "manylinux2014_$machine")
  for glibc in $(seq 17 28); do  # pip takes each as an exact name
    platforms+=(--platform "manylinux_2_${glibc}_$machine")
  done
  rm -rf "$DEPS/wheels" && make_venv "$DEPS/pip" &&
    "$DEPS/pip/bin/python" -m pip download --quiet --no-deps --only-binary=:all: --no-cache-dir --disable-pip-version-check \
      --python-version 311 --implementation cp --abi cp311 --abi abi3 --abi none "${platforms[@]}" --dest "$DEPS/wheels" "$@"
}

# In a folder beside the final place and then renamed, so that a cut-off run leaves nothing that looks complete.
unpack_wheels() {
  local new=$DEPS/site-packages.new
  rm -rf "$new" && python3 "$ROOT/launch/unpack_wheels.py" "$new" "$1" "$DEPS"/wheels/*.whl &&
    rm -rf "$DEPS/site-packages" && mv "$new" "$DEPS/site-packages" && rm -rf "$DEPS/wheels" "$DEPS/pip"
}

install_test_venv() {
  make_venv "$DEPS/test-venv" &&
    "$DEPS/test-venv/bin/python" -m pip install --quiet --no-cache-dir --disable-pip-version-check -r "$ROOT/tests/requirements.txt"
}

use_given_torch() {
  local header
  for header in "$MUSTER_TORCH_DIR"/include/ATen/ATen.h "$MUSTER_TORCH_DIR"/lib/python3*/site-packages/torch/include/ATen/ATen.h; do
    if [ -f "$header" ]; then
      (cd "$MUSTER_TORCH_DIR" && pwd) >"$DEPS/torch_root"
      say "LibTorch: $MUSTER_TORCH_DIR (kept in .deps/torch_root; remove that file to go back to a downloaded one)"
      return
    fi
  done
  fail "MUSTER_TORCH_DIR=$MUSTER_TORCH_DIR holds no LibTorch: no include/ATen/ATen.h in it, nor in its lib/python3*/site-packages/torch; name a venv, site-packages/torch or libtorch/"
}

get_torch() {
  local wheels="torch==$TORCH_VERSION $CPU_WHEELS" kind=cpu stamp
  if wants_cuda; then
    kind=cuda
    wheels="$wheels $CUDA_WHEELS"
    has_nvcc || wheels="$wheels $NVCC_WHEELS"
  fi
  stamp="$(echo $wheels) $kind"
  [ "$stamp" = "$(cat "$DEPS/.stamp" 2>/dev/null)" ] && return
  local size="0.55 GB" room="1.7 GB"
  [ $kind = cuda ] && size="2.6 GB" room="7 GB"
  say "LibTorch $TORCH_VERSION ($kind): $size to download"
  stage download "check the network and the pip settings (pip config list), and that $room are free here; or set MUSTER_TORCH_DIR" download_wheels $wheels
  stage unpack "free disk space ($room in all) and run launch/setup.sh again" unpack_wheels $kind
  echo "$stamp" >"$DEPS/.stamp"
}

TESTS=0
case ${1:-} in
  "") ;;
  --tests) TESTS=1 ;;
  *) sed -n '2,/^set /{/^set /d;s/^# \?//;p}' "$0"; [ "$1" = --help ]; exit ;;
esac
mkdir -p "$DEPS"

missing=$(missing_packages)
if [ -n "$missing" ]; then
  say "missing packages: $missing"
  stage packages "as root, run: apt-get update && apt-get install -y --no-install-recommends $missing" install_packages $missing
fi
if [ -n "${MUSTER_TORCH_DIR:-}" ]; then
  use_given_torch
elif [ ! -f "$DEPS/torch_root" ]; then
  get_torch
fi
if [ $TESTS = 1 ] && ! cmp -s "$ROOT/tests/requirements.txt" "$DEPS/.stamp-tests"; then
  stage test-venv "check the network and the pip settings (pip config list)" install_test_venv
  cp "$ROOT/tests/requirements.txt" "$DEPS/.stamp-tests"
fi
say "ready after $SECONDS s; next: launch/build.sh"
