// dense_masks CLASSES OUT MASK...: what decode_dense_mask() makes of each mask, for masks_by_pillow.py. OUT/0.u16, OUT/1.u16, … are the
// labels, row by row; a line for each says height, width and pixels by class, or why it was refused.
#include <cstdio>
#include <span>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "pack/class_file.hpp"
#include "pack/dense_mask.hpp"

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fputs("usage: dense_masks CLASSES OUT MASK...\n", stderr);
    return 2;
  }
  try {
    muster::pack::PackOptions options;
    options.classes = argv[1];
    std::vector<std::string> notices;
    const muster::pack::DeclaredClasses declared = muster::pack::declared_classes(options, notices);
    const muster::pack::PixelTable table(declared);
    for (int i = 3; i < argc; ++i) {
      const std::string file = muster::read_file(argv[i]);
      try {
        const muster::pack::DenseMask mask = muster::pack::decode_dense_mask(std::as_bytes(std::span(file)), table, declared, argv[i]);
        const auto* labels = reinterpret_cast<const char*>(mask.labels.values.data());
        muster::write_file_atomically(std::filesystem::path(argv[2]) / (std::to_string(i - 3) + ".u16"),
                                      std::string_view(labels, 2 * mask.labels.values.size()));
        std::printf("%d %d", mask.labels.height, mask.labels.width);
        for (const muster::data::ClassPixels& entry : mask.histogram) {
          std::printf(" %u:%u", static_cast<unsigned>(entry.class_index), entry.pixels);
        }
        std::puts("");
      } catch (const muster::Error& error) {
        std::printf("refused: %s\n", error.what());
      }
    }
  } catch (const muster::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.code());
  }
  return 0;
}
