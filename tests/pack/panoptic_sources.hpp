// Small COCO panoptic sets, made on the spot.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "image/encode.hpp"
#include "pack/panoptic_source.hpp"
#include "pack/sources.hpp"

namespace muster::pack::testing_support {

// images/, masks/ and panoptic.json in a folder of their own: categories 7 "road" (stuff), 3 "car" (thing, red), 90 "sky" (stuff).
class PanopticSources {
 public:
  PanopticSources() { fs::create_directories(images()), fs::create_directories(masks()); }

  static image::Image colours(int height, int width, const std::function<std::uint32_t(int, int)>& id) {
    image::Image png(height, width);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const std::uint32_t value = id(y, x);
        for (int c = 0; c < 3; ++c) {
          png.row(y)[3 * x + c] = static_cast<std::uint8_t>(value >> (8 * c));
        }
      }
    }
    return png;
  }

  // An image, its mask, and an annotation whose segments are the text of JSON objects.
  void add(const std::string& stem, int height, int width, const std::function<std::uint32_t(int, int)>& id, const std::string& segments) {
    put(images() / (stem + ".jpg"), image::encode_jpeg(gradient(height, width, static_cast<int>(stem.size())), 90));
    put(masks() / (stem + ".png"), image::encode_png(colours(height, width, id)));
    annotate(stem + ".jpg", stem + ".png", segments, height, width);
  }
  void annotate(const std::string& image, const std::string& mask, const std::string& segments, int height, int width) {
    const std::size_t number = images_.size() + 100;
    images_.push_back(fmt::format(R"({{"id": {}, "file_name": "{}", "height": {}, "width": {}}})", number, image, height, width));
    annotations_.push_back(fmt::format(R"({{"image_id": {}, "file_name": "{}", "segments_info": [{}]}})", number, mask, segments));
  }
  std::vector<std::string>& images_json() { return images_; }
  std::vector<std::string>& annotations_json() { return annotations_; }
  void set_categories(std::string text) { categories_ = std::move(text); }

  fs::path images() const { return folder_ / "images"; }
  fs::path masks() const { return folder_ / "masks"; }
  fs::path annotations() const { return folder_ / "panoptic.json"; }
  fs::path out() const { return folder_ / "packed"; }

  PackOptions options() {
    put(annotations(), fmt::format(R"({{"info": {{}}, "images": [{}], "annotations": [{}], "categories": [{}]}})", fmt::join(images_, ", "),
                                   fmt::join(annotations_, ", "), categories_));
    PackOptions options;
    options.task = "panoptic_segmentation";
    options.images = images();
    options.masks = masks();
    options.annotations = annotations();
    options.split = "val";
    options.out = out();
    options.threads = 2;
    return options;
  }
  std::unique_ptr<SplitSource> source() {
    const PackOptions packing = options();
    std::vector<std::string> notices;
    return make_panoptic_source(packing, "val",
                                {.images = packing.images, .masks = packing.masks, .annotations = packing.annotations, .csv = {}}, notices);
  }

 private:
  muster::testing_support::TemporaryFolder folder_;
  std::vector<std::string> images_, annotations_;
  std::string categories_ = R"({"id": 7, "name": "road", "isthing": 0}, {"id": 3, "name": "car", "isthing": 1, "color": [255, 0, 0]},
                               {"id": 90, "name": "sky", "isthing": 0, "supercategory": "outdoor"})";
};

// A search as one rank makes it.
inline io::Scan scan_alone(const fs::path& folder, std::span<const std::string_view> extensions, const fs::path& except) {
  return io::scan_folder(folder, extensions, except);
}

}  // namespace muster::pack::testing_support
