#include "image/transcode.hpp"

#include <cstdlib>
#include <cstring>
#include <memory>

#include "image/jpeg_session.hpp"

namespace muster::image {

std::vector<std::byte> to_baseline(std::span<const std::byte> jpeg, std::string_view where) {
  Decompressor source(jpeg, where);
  source.demand([&] {
    jpeg_save_markers(&source.info, JPEG_COM, 0xFFFF);
    for (int application = 0; application < 16; ++application) {
      jpeg_save_markers(&source.info, JPEG_APP0 + application, 0xFFFF);
    }
  });
  source.read_header();

  jpeg_compress_struct target = {};
  target.err = source.info.err;
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  const bool done = guarded(source.errors, [&] {
    jvirt_barray_ptr* coefficients = jpeg_read_coefficients(&source.info);
    jpeg_create_compress(&target);
    jpeg_mem_dest(&target, &memory, &size);
    jpeg_copy_critical_parameters(&source.info, &target);
    target.optimize_coding = TRUE;
    jpeg_write_coefficients(&target, coefficients);
    for (jpeg_saved_marker_ptr marker = source.info.marker_list; marker != nullptr; marker = marker->next) {
      const auto starts = [&](const char* name, unsigned length) {
        return marker->data_length >= length && std::memcmp(marker->data, name, length) == 0;
      };
      // These two the compressor writes itself.
      const bool jfif = marker->marker == JPEG_APP0 && target.write_JFIF_header && starts("JFIF", 5);
      const bool adobe = marker->marker == JPEG_APP0 + 14 && target.write_Adobe_marker && starts("Adobe", 5);
      if (!jfif && !adobe) {
        jpeg_write_marker(&target, marker->marker, marker->data, marker->data_length);
      }
    }
    jpeg_finish_compress(&target);
    jpeg_finish_decompress(&source.info);
  });
  jpeg_destroy_compress(&target);
  const std::unique_ptr<unsigned char, decltype([](unsigned char* m) { std::free(m); })> owner(memory);
  if (!done) {
    throw DataError("{}: cannot rewrite this JPEG as baseline: {}; the file is cut off or damaged, copy it again or remove it", where,
                    source.errors.text);
  }
  const auto* first = reinterpret_cast<const std::byte*>(owner.get());
  return {first, first + size};
}

}  // namespace muster::image
