// Keys of `muster pack`: one split by `images masks annotations csv classes split`, or all splits of a recipe by `data.*`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/options.hpp"
#include "io/value.hpp"

namespace muster::pack {

struct SplitSources {
  std::string images{};       // folder, file, or list of files (pretrain)
  std::string masks{};        // folder, or pattern with {image_path.stem} {image_path.name} {image_path.parent}
  std::string annotations{};  // COCO panoptic JSON
  std::string csv{};          // classification: paths and labels
  bool operator==(const SplitSources&) const = default;
};
template <class Visitor>
void visit(Visitor& v, SplitSources& o) {
  v.field("images", o.images, any_value(), "folder of images, searched with all its subfolders; classification: one subfolder per class");
  v.field("masks", o.masks, any_value(),
          "folder of masks: for images/a/b.jpg the mask is masks/a/b.png, or masks/a/b.jpg.png; or a pattern with {image_path.stem}");
  v.field("annotations", o.annotations, any_value(), "panoptic: the COCO JSON file of the segments in `masks`");
  v.field("csv", o.csv, any_value(), "classification: a CSV file of image paths and labels, instead of `images`");
}

// How the CSV files of a classification set are read: keys as in the reference documents.
struct CsvColumns {
  std::string image_column = "image_path";
  std::string label_column = "label";
  std::string label_type = "name";
  std::string label_delimiter = ",";
};
template <class Visitor>
void visit(Visitor& v, CsvColumns& o) {
  v.field("csv_image_column", o.image_column, any_value(), "column of image paths, absolute or relative to the CSV file");
  v.field("csv_label_column", o.label_column, any_value(), "column of labels");
  v.field("csv_label_type", o.label_type, one_of({"name", "id"}), "what the label column holds");
  v.field("label_delimiter", o.label_delimiter, any_value(), "between the labels of one image");
}

struct PackSources {
  SplitSources train;
  SplitSources val;
  SplitSources test;
  std::string train_csv, val_csv, test_csv;
  io::Value classes = io::Value::map();  // as in a file of classes, see class_file.hpp
  std::vector<int> ignore_classes;
  bool reduce_labels = false;
  CsvColumns csv;
};
template <class Visitor>
void visit(Visitor& v, PackSources& o) {
  v.group("train", o.train);
  v.group("val", o.val);
  v.group("test", o.test);
  v.field("train_csv", o.train_csv, any_value(), "same as data.train.csv");
  v.field("val_csv", o.val_csv, any_value(), "same as data.val.csv");
  v.field("test_csv", o.test_csv, any_value(), "same as data.test.csv");
  v.field("classes", o.classes, any_value(),
          "class id: name, where the id is the pixel value of the masks, or id: {name: ..., labels: [...]} with pixel values or RGB "
          "colours; or the path of a file of classes");
  v.field("ignore_classes", o.ignore_classes, any_value(), "pixel values that are no class are packed as void");
  v.field("reduce_labels", o.reduce_labels, any_value(), "same as reduce_labels");
  visit(v, o.csv);
}

struct PackOptions {
  std::string task = "semantic_segmentation";
  std::string images;
  std::string masks;
  std::string annotations;
  std::string csv;
  std::string classes;
  std::string split = "train";
  std::string out;
  PackSources data;
  std::int64_t seed = 0;
  std::int64_t shard_bytes = std::int64_t{512} << 20;
  std::string orientation = "auto";
  std::string on_collision = "fail";
  std::string on_error = "auto";
  std::optional<double> max_skipped;  // none: a thousandth of the images, and always ten
  bool reduce_labels = false;
  std::string classification_task = "multiclass";
  std::vector<std::string> extensions;
  std::int64_t max_side = 0;
  bool strip_metadata = false;
  std::string preflight = "full";
  bool append = false;
  int threads = 0;
  bool restart = false;
};
template <class Visitor>
void visit(Visitor& v, PackOptions& o) {
  v.field("task", o.task, one_of({"semantic_segmentation", "panoptic_segmentation", "image_classification", "pretrain"}),
          "what the data set is for");
  v.field("images", o.images, any_value(), "images of one split: a folder; pretrain also takes a file or a list of files (.txt)");
  v.field("masks", o.masks, any_value(),
          "masks of that split, whose values are class ids: a folder, or a pattern such as masks/{image_path.stem}.png");
  v.field("annotations", o.annotations, any_value(), "panoptic: the COCO JSON file of that split");
  v.field("csv", o.csv, any_value(), "classification: the CSV file of that split, instead of images");
  v.field(
      "classes", o.classes, any_value(),
      "JSON or YAML file with `classes: {id: name}` and optional `ignore_classes: [id, ...]`; masks of `muster autolabel` bring theirs");
  v.field("split", o.split, any_value(), "name of the split that images and masks make; train is shuffled, others are sorted");
  v.field("out", o.out, any_value(), "folder of the packed data set; a second call with another split adds to it");
  v.group("data", o.data);
  v.field("seed", o.seed, at_least(0), "of the order in which training samples are stored");
  v.field("shard_bytes", o.shard_bytes, between(1, 4e9), "encoded bytes after which a new shard begins");
  v.field("orientation", o.orientation, one_of({"auto", "apply", "ignore"}),
          "EXIF orientation of images: auto decides by the mask's size, and knows that masks of `muster autolabel` are upright; apply: "
          "masks are upright; ignore: masks lie as the image is stored");
  v.field("on_collision", o.on_collision, one_of({"fail", "keep_extension"}),
          "images that differ in their extension alone: keep_extension wants masks named x.jpg.png");
  v.field("on_error", o.on_error, one_of({"auto", "fail", "skip"}),
          "skip: leave damaged or incomplete samples out and list them in skipped.csv; auto: skip for task=pretrain, else fail");
  v.field("max_skipped", o.max_skipped, between(0, 1),
          "share of a split's images that on_error=skip may leave out; without it 0.001, and up to ten images of any split");
  v.field("reduce_labels", o.reduce_labels, any_value(), "mask value 0 is void, and 1, 2, ... are the classes 0, 1, ...");
  v.field("classification_task", o.classification_task, one_of({"multiclass", "multilabel"}),
          "one class per image, or any number of them (from CSV files)");
  v.field("extensions", o.extensions, any_value(),
          "file names that are images, such as [jpg, png]; without it the usual nine, and dcm for classification");
  v.field("max_side", o.max_side, at_least(0), "scale images down whose longer side has more pixels than this; lossy; 0 = never");
  v.field("strip_metadata", o.strip_metadata, any_value(), "leave out EXIF, XMP, comments and previews; the pixels stay the same");
  v.field("preflight", o.preflight, one_of({"full", "headers"}),
          "what is looked at before packing: full also decodes all masks, and images that seem cut off, and compares images of equal size; "
          "headers is faster");
  v.field("append", o.append, any_value(), "add the new images of the sources to a split that is packed already, as new shards");
  v.field("threads", o.threads, between(0, 1024), "threads of each rank that read, decode and encode; 0 = its share of the processors");
  v.field("restart", o.restart, any_value(), "throw away what an interrupted packing of other sources left in the folder");
}

// What the ranges cannot say: which keys go together. Throws ConfigError.
void validate(const PackOptions& options);

// on_error=skip, or auto where images alone are packed: one of millions is no reason to pack none.
bool skips_damaged(const PackOptions& options);

// How many of a split's images may be left out: max_skipped of them exactly, or without that key a thousandth, and
// always ten.
std::size_t most_skipped(const PackOptions& options, std::size_t images);

// Sources by split name, in the order in which they are packed.
std::vector<std::pair<std::string, SplitSources>> sources_by_split(const PackOptions& options);

// The extensions of images, in lower case: options.extensions, or those of the task. The texts live as long as `options`.
std::vector<std::string_view> image_extensions(const PackOptions& options);

}  // namespace muster::pack
