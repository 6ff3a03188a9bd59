#!/bin/bash
# libfuzzer.sh csv|safetensors|torch_file|manifest|shard [SECONDS]: builds one reader with clang, libFuzzer, ASan and UBSan, and runs it (600 s).
#
# Seeds and findings of earlier runs lie in seeds/; new inputs go to build/fuzz/. A finding ends the run with exit code 1 and lies in
# build/fuzz/crash-*: put it into seeds/ once it is fixed, and a case into tests/io. Needs clang 16 or newer (std::source_location), and
# libstdc++ 11 (in 12, clang looks into the constexpr destructor of vector<Value::Member> before Member is complete):
#   apt-get install clang-19 libclang-rt-19-dev libstdc++-11-dev
# The readers of packed data sets are compiled with all of src/image and with LibTorch's headers (.deps, or LibTorch_ROOT).
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
reader=${1:?usage: libfuzzer.sh csv|safetensors|torch_file|manifest|shard [SECONDS]}
seconds=${2:-600}
clang=$(command -v clang++-19 clang++-18 clang++-17 clang++-16 | head -1)
library=$(ls -d /usr/lib/gcc/*/11 2>/dev/null | head -1)
[ -n "$clang" ] && [ -n "$library" ] || { echo "needed: apt-get install clang-19 libclang-rt-19-dev libstdc++-11-dev" >&2; exit 2; }
out=$root/build/fuzz
mkdir -p "$out/$reader" "$out/objects-$reader"

flags=(--gcc-install-dir="$library" -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -I"$root/src" -I"$root/tests")
libraries=(-lspdlog -lfmt -lyaml-cpp -lxxhash -lz -ldeflate)
sources=("$root/tests/fuzz/fuzz_$reader.cpp")
add() {  # add FOLDER NAME...
  local folder=$1 name
  shift
  for name in "$@"; do sources+=("$root/$folder/$name.cpp"); done
}
add src/core error atomic_file hash crc32_fold nearest_name scalar_type random
case $reader in
  csv | safetensors | torch_file)
    add src/io csv value json yaml utf8 input_file safetensors_read safetensors_write zip_directory pickle_opcode pickle torch_tree torch_file ;;
  manifest)
    add src/io value json yaml utf8
    add src/data class_list count_classes manifest_read manifest_write shard_format target_kind
    add src/image overlay ;;
  shard)
    torch=${LibTorch_ROOT:-$root/.deps/site-packages/torch}/include
    mkdir -p "$out/include_first" && ln -sfn /usr/include/fmt "$out/include_first/fmt"  # LibTorch brings another fmt, without what spdlog needs
    flags+=(-DSPDLOG_COMPILED_LIB -DSPDLOG_FMT_EXTERNAL -isystem "$out/include_first" -isystem "$torch" $(pkg-config --cflags libopenjp2) -isystem /usr/include/hdf5/serial)
    libraries+=($(pkg-config --libs libjpeg libturbojpeg libpng libdeflate libtiff-4 libwebp libwebpdemux libopenjp2)
      -L"$(dirname "$(ls /usr/lib/*/hdf5/serial/libhdf5.so | head -1)")" -lhdf5 -ldcmdata -loflog -lofstd -lpthread)
    add tests/fuzz shard_input
    add src/io value json yaml utf8 hdf5_attribute hdf5_check hdf5_column hdf5_file mapped_file
    add src/data blob_read shard_blob class_list count_classes find_header index_check index_columns index_map manifest_read manifest_write mask_codec \
      shard_fds shard_file shard_format shard_reader shard_writer split_index target_kind
    sources+=("$root"/src/image/*.cpp) ;;
  *)
    echo "no such reader: $reader" >&2; exit 2 ;;
esac

echo "building $out/fuzz_$reader with $("$clang" --version | head -1)"
rm -f "$out/objects-$reader"/*.o
for source in "${sources[@]}"; do
  "$clang" "${flags[@]}" -c "$source" -o "$out/objects-$reader/$(basename "$source" .cpp).o" &
  [ "$(jobs -rp | wc -l)" -lt "$(nproc)" ] || wait -n
done
wait
"$clang" "${flags[@]}" "$out/objects-$reader"/*.o -o "$out/fuzz_$reader" "${libraries[@]}"

seeds=("$root/tests/fuzz/seeds/$reader")
[ "$reader" = torch_file ] && seeds+=("$root/tests/io/fixtures")
cd "$out"
# libhdf5 and DCMTK keep what they allocate to the end of the process
[ "$reader" = shard ] && export ASAN_OPTIONS=detect_leaks=0
exec "./fuzz_$reader" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 -max_len=16384 -print_final_stats=1 \
  -dict="$root/tests/fuzz/$reader.dict" "$reader" "${seeds[@]}"
