// pack_folder IMAGES MASKS CLASSES OUT ORIENTATION: packs one split `val` for h5py_roundtrip.py, and verifies it by decoding.
#include <cstdio>

#include "core/error.hpp"
#include "pack/pack.hpp"
#include "pack/verify.hpp"

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fputs("usage: pack_folder IMAGES MASKS CLASSES OUT ORIENTATION\n", stderr);
    return 2;
  }
  try {
    muster::pack::PackOptions options;
    options.images = argv[1];
    options.masks = argv[2];
    options.classes = argv[3];
    options.out = argv[4];
    options.orientation = argv[5];
    options.split = "val";
    options.shard_bytes = 6000;
    muster::pack::pack(options);
    const muster::pack::VerifyReport report = muster::pack::verify(options.out, muster::pack::VerifyLevel::kDecode);
    for (const muster::pack::VerifyProblem& problem : report.problems) {
      std::fprintf(stderr, "%s\n", problem.text().c_str());
    }
    return report.problems.empty() ? 0 : 3;
  } catch (const muster::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.code());
  }
}
