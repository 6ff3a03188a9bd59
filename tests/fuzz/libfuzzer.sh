#!/bin/bash
# libfuzzer.sh csv|safetensors|torch_file [SECONDS]: builds one reader with clang, libFuzzer, ASan and UBSan, and runs it (600 s).
#
# Seeds and findings of earlier runs lie in seeds/; new inputs go to build/fuzz/. A finding ends the run with exit code 1 and lies in
# build/fuzz/crash-*: put it into seeds/ once it is fixed, and a case into tests/io. Needs clang 16 or newer (std::source_location), and
# libstdc++ 11 (in 12, clang looks into the constexpr destructor of vector<Value::Member> before Member is complete):
#   apt-get install clang-19 libclang-rt-19-dev libstdc++-11-dev
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
reader=${1:?usage: libfuzzer.sh csv|safetensors|torch_file [SECONDS]}
seconds=${2:-600}
clang=$(command -v clang++-19 clang++-18 clang++-17 clang++-16 | head -1)
library=$(ls -d /usr/lib/gcc/*/11 2>/dev/null | head -1)
[ -n "$clang" ] && [ -n "$library" ] || { echo "needed: apt-get install clang-19 libclang-rt-19-dev libstdc++-11-dev" >&2; exit 2; }
out=$root/build/fuzz
mkdir -p "$out/$reader"

sources=()
for name in csv value json yaml utf8 input_file safetensors_read safetensors_write zip_directory pickle_opcode pickle torch_tree torch_file; do
  sources+=("$root/src/io/$name.cpp")
done
for name in error atomic_file hash nearest_name scalar_type random; do
  sources+=("$root/src/core/$name.cpp")
done
echo "building $out/fuzz_$reader with $("$clang" --version | head -1)"
"$clang" --gcc-install-dir="$library" -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -I"$root/src" -I"$root/tests" \
  "$root/tests/fuzz/fuzz_$reader.cpp" "${sources[@]}" -o "$out/fuzz_$reader" -lspdlog -lfmt -lyaml-cpp -lxxhash -lz

seeds=("$root/tests/fuzz/seeds/$reader")
[ "$reader" = torch_file ] && seeds+=("$root/tests/io/fixtures")
cd "$out"
exec "./fuzz_$reader" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 -max_len=16384 -print_final_stats=1 \
  -dict="$root/tests/fuzz/$reader.dict" "$reader" "${seeds[@]}"
