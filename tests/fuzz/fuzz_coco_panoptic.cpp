// Any bytes as COCO panoptic annotations: a DataError, or structures whose parts fit together.
#include <cstdint>
#include <cstdlib>

#include "core/error.hpp"
#include "pack/coco_panoptic.hpp"
#include "support/memory_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static muster::testing_support::MemoryFile memory;
  muster::pack::CocoPanoptic coco;
  try {
    coco = muster::pack::read_coco_panoptic(memory.put(data, size));
  } catch (const muster::DataError&) {
    return 0;
  }
  std::uint64_t segments = 0;
  for (const muster::pack::CocoAnnotation& annotation : coco.annotations) {
    if (annotation.first_segment != segments || annotation.num_segments > coco.segments.size() - segments) {
      std::abort();
    }
    segments += annotation.num_segments;
  }
  for (const muster::pack::CocoSegment& segment : coco.segments) {
    if (segment.id == 0 || segment.id > 0xffffff || segment.category_id < 0 || segment.iscrowd > 1) {
      std::abort();
    }
  }
  return segments == coco.segments.size() ? 0 : (std::abort(), 0);
}
