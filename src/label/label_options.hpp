// Keys of `muster autolabel`.
#pragma once

#include <string>

#include "core/options.hpp"

namespace muster::label {

struct LabelOptions {
  std::string out;
  std::string data;
  std::string model;
  int batch_size = 2;
  std::string on_collision = "fail";
  std::string on_error = "fail";
  int overlays = 16;
  double lease_s = 60;
  int threads = 0;
};
template <class Visitor>
void visit(Visitor& v, LabelOptions& o) {
  v.field("out", o.out, any_value(), "folder for the masks, OUT/<relative path>.png; everything else goes to OUT/_muster/");
  v.field("data", o.data, any_value(),
          "an image, a folder searched with all its subfolders, or a .txt file with one of these on each line");
  v.field("model", o.model, any_value(), "weight file, checkpoint, or folder of a run");
  v.field("batch_size", o.batch_size, at_least(1), "windows of one forward; windows of several images share one");
  v.field("on_collision", o.on_collision, one_of({"fail", "keep_extension"}),
          "images that differ in their extension alone: keep_extension names their masks x.jpg.png and x.png.png");
  v.field("on_error", o.on_error, one_of({"fail", "skip"}),
          "images that cannot be read never stop the others; they are listed in _muster/failed.csv, and with fail the exit code is 3");
  v.field("overlays", o.overlays, at_least(0), "pictures of image and mask to look at, spread over the list");
  v.field("lease_s", o.lease_s, more_than(0), "seconds after which other workers take over what a silent one had begun");
  v.field("threads", o.threads, between(0, 1024), "threads that read images ahead; 0 = one per processor");
}

// What the ranges cannot say. Throws ConfigError.
void validate(const LabelOptions& options);

}  // namespace muster::label
