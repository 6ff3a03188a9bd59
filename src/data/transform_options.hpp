// transform_args.*: how a training image and its labels are varied, and how every image is normalised.
//
// Keys and defaults are LightlyTrain's for EoMT semantic segmentation, but for `scale_jitter.keep_aspect` (theirs squashes each image
// to the crop's shape; false gives that) and `random_resized_crop`, which image classification uses: keys as LightlyTrain's, defaults as
// torchvision's. `color_jitter.per_operation` is not theirs. Where theirs is None, an operation here has prob = 0. Defaults that depend on the model are set by config.
#pragma once

#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/options.hpp"

namespace muster::data {

struct NormalizeOptions {
  std::vector<double> mean = {0.485, 0.456, 0.406};  // of pixel / 255
  std::vector<double> std = {0.229, 0.224, 0.225};
};

struct ScaleJitterOptions {
  double min_scale = 0.5;
  double max_scale = 2.0;
  int num_scales = 20;  // evenly from min to max, each as likely; 0 = any scale in between
  double prob = 1.0;
  int divisible_by = 0;  // pixels; 0 = off
  bool keep_aspect = true;
};

struct RandomResizedCropOptions {
  double prob = 0.0;
  double min_scale = 0.08;  // share of the image's area
  double max_scale = 1.0;
  double min_ratio = 3.0 / 4.0;  // width / height
  double max_ratio = 4.0 / 3.0;
};

struct SmallestMaxSizeOptions {
  int max_size = 0;  // pixels; 0 = off
  double prob = 1.0;
};

struct RandomCropOptions {
  int height = 0;  // 0 = image_size
  int width = 0;
  bool pad_if_needed = true;
  std::string pad_position = "center";
  int fill = 0;
  double prob = 1.0;
};

struct RandomFlipOptions {
  double horizontal_prob = 0.5;
  double vertical_prob = 0.0;
};

struct RandomRotate90Options {
  double prob = 0.0;
};

struct RandomRotateOptions {
  double prob = 0.0;
  double degrees = 10.0;
};

struct ColorJitterOptions {
  double prob = 0.5;
  double strength = 1.0;  // multiplies the four below
  double brightness = 32.0 / 255.0;
  double contrast = 0.5;
  double saturation = 0.5;
  double hue = 18.0 / 360.0;
  bool per_operation = false;
};

struct ValTransformOptions {
  std::vector<int> image_size;  // empty = as in training
};

struct TransformOptions {
  std::vector<int> image_size = {512, 512};
  int num_channels = 3;
  NormalizeOptions normalize;
  RandomResizedCropOptions random_resized_crop;
  ScaleJitterOptions scale_jitter;
  SmallestMaxSizeOptions smallest_max_size;
  RandomCropOptions random_crop;
  RandomFlipOptions random_flip;
  RandomRotate90Options random_rotate_90;
  RandomRotateOptions random_rotate;
  ColorJitterOptions color_jitter;
  ValTransformOptions val;

  // What every training image is cut to.
  int crop_height() const { return random_crop.height > 0 ? random_crop.height : image_size.at(0); }
  int crop_width() const { return random_crop.width > 0 ? random_crop.width : image_size.at(1); }
};

template <class Visitor>
void visit(Visitor& v, NormalizeOptions& o) {
  v.field("mean", o.mean, between(0, 1), "subtracted from pixel / 255, per channel");
  v.field("std", o.std, more_than(0), "then divided by, per channel");
}

template <class Visitor>
void visit(Visitor& v, ScaleJitterOptions& o) {
  v.field("min_scale", o.min_scale, more_than(0), "smallest scale, relative to the image fitted into the crop");
  v.field("max_scale", o.max_scale, more_than(0), "largest scale");
  v.field("num_scales", o.num_scales, at_least(0), "evenly spaced scales to choose from; 0 = any in between");
  v.field("prob", o.prob, between(0, 1), "probability of scaling at all");
  v.field("divisible_by", o.divisible_by, at_least(0), "round both sides to the nearest multiple of this many pixels; 0 = off");
  v.field("keep_aspect", o.keep_aspect, any_value(), "keep the image's shape; false squashes it to the crop's, as LightlyTrain does");
}

template <class Visitor>
void visit(Visitor& v, RandomResizedCropOptions& o) {
  v.field("prob", o.prob, between(0, 1),
          "probability of scaling a drawn box to the crop, instead of scale_jitter, smallest_max_size and random_crop");
  v.field("min_scale", o.min_scale, more_than(0), "smallest area of the box, as a share of the image's");
  v.field("max_scale", o.max_scale, more_than(0), "largest area of the box");
  v.field("min_ratio", o.min_ratio, more_than(0), "smallest width / height of the box");
  v.field("max_ratio", o.max_ratio, more_than(0), "largest width / height of the box");
}

template <class Visitor>
void visit(Visitor& v, SmallestMaxSizeOptions& o) {
  v.field("max_size", o.max_size, at_least(0), "scale the short side to this many pixels, after scale_jitter; 0 = off");
  v.field("prob", o.prob, between(0, 1), "probability of doing so");
}

template <class Visitor>
void visit(Visitor& v, RandomCropOptions& o) {
  v.field("height", o.height, at_least(0), "pixels; 0 = that of image_size");
  v.field("width", o.width, at_least(0), "pixels; 0 = that of image_size");
  v.field("pad_if_needed", o.pad_if_needed, any_value(), "pad images smaller than the crop; false makes them an error");
  v.field("pad_position", o.pad_position, one_of({"center", "top_left", "top_right", "bottom_left", "bottom_right", "random"}),
          "where the image lies in the padded area");
  v.field("fill", o.fill, between(0, 255), "pixel value of the padding, before normalisation; its labels are void");
  v.field("prob", o.prob, between(0, 1), "probability of a drawn position; else the middle is cut out");
}

template <class Visitor>
void visit(Visitor& v, RandomFlipOptions& o) {
  v.field("horizontal_prob", o.horizontal_prob, between(0, 1), "probability of exchanging left and right");
  v.field("vertical_prob", o.vertical_prob, between(0, 1), "probability of exchanging top and bottom");
}

template <class Visitor>
void visit(Visitor& v, RandomRotate90Options& o) {
  v.field("prob", o.prob, between(0, 1), "probability of turning by 90, 180 or 270 degrees; needs a square crop");
}

template <class Visitor>
void visit(Visitor& v, RandomRotateOptions& o) {
  v.field("prob", o.prob, between(0, 1), "probability of turning the crop by any angle; corners become padding");
  v.field("degrees", o.degrees, between(0, 180), "largest angle, to either side");
}

template <class Visitor>
void visit(Visitor& v, ColorJitterOptions& o) {
  v.field("prob", o.prob, between(0, 1), "probability of all four changes together, in drawn order; of each with per_operation");
  v.field("strength", o.strength, at_least(0), "multiplies the four ranges");
  v.field("brightness", o.brightness, at_least(0), "factor in [1 - x, 1 + x], not below 0");
  v.field("contrast", o.contrast, at_least(0), "factor in [1 - x, 1 + x], not below 0");
  v.field("saturation", o.saturation, at_least(0), "factor in [1 - x, 1 + x], not below 0");
  v.field("hue", o.hue, at_least(0), "shift in [-x, x] of the colour circle; strength * hue at most 0.5");
  v.field("per_operation", o.per_operation, any_value(),
          "each change has its own toss: brightness, saturation, hue in this order, contrast before or after the last two, as EoMT's authors; "
          "false: all four or none, as LightlyTrain");
}

template <class Visitor>
void visit(Visitor& v, ValTransformOptions& o) {
  v.field("image_size", o.image_size, at_least(1), "[height, width] of the evaluation window; empty = as in training");
}

template <class Visitor>
void visit(Visitor& v, TransformOptions& o) {
  v.field("image_size", o.image_size, at_least(1), "[height, width] that the model is trained at, pixels");
  v.field("num_channels", o.num_channels, between(3, 3), "channels of an image");
  v.group("normalize", o.normalize);
  v.group("random_resized_crop", o.random_resized_crop);
  v.group("scale_jitter", o.scale_jitter);
  v.group("smallest_max_size", o.smallest_max_size);
  v.group("random_crop", o.random_crop);
  v.group("random_flip", o.random_flip);
  v.group("random_rotate_90", o.random_rotate_90);
  v.group("random_rotate", o.random_rotate);
  v.group("color_jitter", o.color_jitter);
  v.group("val", o.val);
}

// What no range says. Throws ConfigError.
inline void validate(const TransformOptions& o) {
  if (o.image_size.size() != 2) {
    throw ConfigError("transform_args.image_size has {} numbers; give [height, width]", o.image_size.size());
  }
  if (!o.val.image_size.empty() && o.val.image_size.size() != 2) {
    throw ConfigError("transform_args.val.image_size has {} numbers; give [height, width]", o.val.image_size.size());
  }
  const auto channels = static_cast<std::size_t>(o.num_channels);
  if (o.normalize.mean.size() != channels || o.normalize.std.size() != channels) {
    throw ConfigError("transform_args.normalize has {} means and {} stds for num_channels={}; give one of each per channel",
                      o.normalize.mean.size(), o.normalize.std.size(), o.num_channels);
  }
  if (o.scale_jitter.min_scale > o.scale_jitter.max_scale) {
    throw ConfigError("transform_args.scale_jitter: min_scale={} is above max_scale={}", o.scale_jitter.min_scale,
                      o.scale_jitter.max_scale);
  }
  const RandomResizedCropOptions& box = o.random_resized_crop;
  if (box.min_scale > box.max_scale || box.min_ratio > box.max_ratio) {
    throw ConfigError(
        "transform_args.random_resized_crop: min_scale={} max_scale={} min_ratio={} max_ratio={}; a minimum is above its maximum",
        box.min_scale, box.max_scale, box.min_ratio, box.max_ratio);
  }
  if (o.color_jitter.strength * o.color_jitter.hue > 0.5) {
    throw ConfigError("transform_args.color_jitter: strength * hue = {} is above 0.5, half the colour circle",
                      o.color_jitter.strength * o.color_jitter.hue);
  }
  if (o.random_rotate_90.prob > 0 && o.crop_height() != o.crop_width()) {
    throw ConfigError(
        "transform_args.random_rotate_90 needs a square crop, this one is {} x {}; set its prob to 0 or image_size to a square",
        o.crop_height(), o.crop_width());
  }
}

}  // namespace muster::data
