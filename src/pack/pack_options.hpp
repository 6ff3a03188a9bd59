// Keys of `muster pack`: one split by `images masks classes split`, or all splits of a recipe by `data.*`.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/options.hpp"

namespace muster::pack {

struct SplitSources {
  std::string images;  // folder
  std::string masks;   // folder
};
template <class Visitor>
void visit(Visitor& v, SplitSources& o) {
  v.field("images", o.images, any_value(), "folder of images, searched with all its subfolders");
  v.field("masks", o.masks, any_value(), "folder of masks: for images/a/b.jpg the mask is masks/a/b.png, or masks/a/b.jpg.png");
}

struct PackSources {
  SplitSources train;
  SplitSources val;
  std::map<int, std::string> classes;
  std::vector<int> ignore_classes;
};
template <class Visitor>
void visit(Visitor& v, PackSources& o) {
  v.group("train", o.train);
  v.group("val", o.val);
  v.field("classes", o.classes, any_value(), "class id (pixel value of the masks): name; instead of a file of classes");
  v.field("ignore_classes", o.ignore_classes, any_value(), "pixel values that are no class are packed as void");
}

struct PackOptions {
  std::string task = "semantic_segmentation";
  std::string images;
  std::string masks;
  std::string classes;
  std::string split = "train";
  std::string out;
  PackSources data;
  std::int64_t seed = 0;
  std::int64_t shard_bytes = std::int64_t{512} << 20;
  std::string orientation = "auto";
  std::string on_collision = "fail";
  std::string on_error = "fail";
  double max_skipped = 0.001;
  int threads = 0;
  bool restart = false;
};
template <class Visitor>
void visit(Visitor& v, PackOptions& o) {
  v.field("task", o.task, one_of({"semantic_segmentation"}), "what the data set is for");
  v.field("images", o.images, any_value(), "folder of images of one split");
  v.field("masks", o.masks, any_value(), "folder of masks of that split: 8- or 16-bit grey or palette PNG whose values are class ids");
  v.field("classes", o.classes, any_value(), "JSON or YAML file with `classes: {id: name}` and optional `ignore_classes: [id, ...]`; masks of `muster autolabel` bring theirs");
  v.field("split", o.split, any_value(), "name of the split that images and masks make; train is shuffled, others are sorted");
  v.field("out", o.out, any_value(), "folder of the packed data set; a second call with another split adds to it");
  v.group("data", o.data);
  v.field("seed", o.seed, at_least(0), "of the order in which training samples are stored");
  v.field("shard_bytes", o.shard_bytes, between(1, 4e9), "encoded bytes after which a new shard begins");
  v.field(
      "orientation", o.orientation, one_of({"auto", "apply", "ignore"}),
      "EXIF orientation of images: auto decides by the mask's size, and knows that masks of `muster autolabel` are upright; apply: masks are upright; ignore: masks lie as the image is stored");
  v.field("on_collision", o.on_collision, one_of({"fail", "keep_extension"}),
          "images that differ in their extension alone: keep_extension wants masks named x.jpg.png");
  v.field("on_error", o.on_error, one_of({"fail", "skip"}), "skip: leave damaged or incomplete samples out and list them in skipped.csv");
  v.field("max_skipped", o.max_skipped, between(0, 1), "share of samples that on_error=skip may leave out");
  v.field("threads", o.threads, between(0, 1024), "threads that decode and encode; 0 = one per processor");
  v.field("restart", o.restart, any_value(), "throw away what an interrupted packing of other sources left in the folder");
}

// What the ranges cannot say: which keys go together. Throws ConfigError.
void validate(const PackOptions& options);

// Sources by split name, in the order in which they are packed.
std::vector<std::pair<std::string, SplitSources>> sources_by_split(const PackOptions& options);

}  // namespace muster::pack
