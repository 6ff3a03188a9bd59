// How long COCO panoptic annotations take to read, and how much memory of the process's own.
//
//   coco_annotations_bench FILE [IMAGES]        writes FILE for IMAGES images (118287 as in COCO's train2017) where it is not there yet
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/format.h>

#include "pack/coco_panoptic.hpp"
#include "process_memory.hpp"

namespace {

// Text as COCO's own: about eleven segments an image, 3 kB.
void write_annotations(const std::filesystem::path& path, std::uint64_t images) {
  std::ofstream out(path, std::ios::binary);
  out << R"({"info": {"year": 2017}, "images": [)";
  for (std::uint64_t i = 0; i < images; ++i) {
    out << (i == 0 ? "" : ", ")
        << fmt::format(
               R"({{"license": 3, "file_name": "{0:012}.jpg", "coco_url": "http://images.cocodataset.org/train2017/{0:012}.jpg", "height": 480, "width": 640, "date_captured": "2013-11-19 20:40:11", "flickr_url": "http://farm5.staticflickr.com/4026/{0:010}_84c1fdb8d6_z.jpg", "id": {0}}})",
               i);
  }
  out << R"(], "annotations": [)";
  std::uint64_t state = 1;
  const auto next = [&state](std::uint64_t below) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (state >> 33) % below;
  };
  for (std::uint64_t i = 0; i < images; ++i) {
    out << (i == 0 ? "" : ", ") << R"({"segments_info": [)";
    const std::uint64_t segments = 4 + next(15);
    for (std::uint64_t s = 0; s < segments; ++s) {
      out << (s == 0 ? "" : ", ")
          << fmt::format(R"({{"id": {}, "category_id": {}, "iscrowd": 0, "bbox": [{}, {}, {}, {}], "area": {}}})",
                         1 + next(16'000'000) / 19 * 19 + s, 1 + next(200), next(300), next(200), 1 + next(300), 1 + next(200),
                         1 + next(60'000));
    }
    out << fmt::format(R"(], "file_name": "{0:012}.png", "image_id": {0}}})", i);
  }
  out << R"(], "categories": [{"supercategory": "person", "isthing": 1, "id": 1, "name": "person"}]})";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: coco_annotations_bench FILE [IMAGES]\n", stderr);
    return 2;
  }
  const std::filesystem::path path = argv[1];
  if (!std::filesystem::exists(path)) {
    write_annotations(path, argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 118287);
  }
  const double megabytes = static_cast<double>(std::filesystem::file_size(path)) / 1e6;
  for (int run = 0; run < 3; ++run) {
    const double before = muster::bench::status_bytes("RssAnon");
    const auto start = std::chrono::steady_clock::now();
    const muster::pack::CocoPanoptic coco = muster::pack::read_coco_panoptic(path);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    fmt::print("{:.0f} MB, {} annotations, {} segments: {:.2f} s, {:.0f} MB/s, {:.0f} MB of private memory\n", megabytes,
               coco.annotations.size(), coco.segments.size(), seconds, megabytes / seconds,
               (muster::bench::status_bytes("RssAnon") - before) / 1e6);
  }
  return 0;
}
