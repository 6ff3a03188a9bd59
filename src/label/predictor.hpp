// What turns images into labels: a network, or in tests something of a few lines.
#pragma once

#include <cstddef>
#include <vector>

#include "image/image.hpp"

namespace muster::label {

struct Predicted {
  std::size_t ticket = 0;
  image::LabelMap labels;  // train indices, at the image's own size
};

// One thread. The labels of an image may not depend on the images before and after it.
class Predictor {
 public:
  virtual ~Predictor() = default;
  // Takes an upright image, and returns those that are complete now.
  virtual std::vector<Predicted> push(std::size_t ticket, const image::Image& image) = 0;
  // All that are left.
  virtual std::vector<Predicted> flush() = 0;
};

}  // namespace muster::label
