// From pixels to the floats that a model takes.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "image/image.hpp"

namespace muster::data {

// out[c, y, x] = (pixel / 255 - mean[c]) / std[c], in double, rounded once to float. Mean and std of fewer channels than the image are
// repeated cyclically. Made once and used by any number of threads.
class Normaliser {
 public:
  // InvariantError unless there is one std for each mean.
  Normaliser(std::span<const double> mean, std::span<const double> std);

  // `out_CHW` has room for all pixels.
  void operator()(const image::Image& image, float* out_CHW) const;

 private:
  // pixel * factor + shift in double gives every value of `values`, which lets vector instructions do it.
  struct Channel {
    std::array<float, 256> values;
    double factor;
    double shift;
  };
  std::vector<Channel> channels_;
  bool by_formula_ = false;
};

// Once, of one image.
void normalise_into(const image::Image& image, float* out_CHW, std::span<const double> mean, std::span<const double> std);

}  // namespace muster::data
