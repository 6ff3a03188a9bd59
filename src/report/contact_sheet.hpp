// One picture of many samples, so that a person sees at a glance what a model does: each sample's pictures side by side.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "image/image.hpp"
#include "image/overlay.hpp"

namespace muster::report {

struct ContactSheetSample {
  std::string name;                    // stands above its pictures
  std::vector<image::Image> pictures;  // RGB, one per title
  std::string caption{};               // stands below them; empty where no sample of a row has one: no line for it
};

struct ContactSheetClass {
  std::string name;
  image::Colour colour;
};

struct ContactSheet {
  std::vector<std::string> titles;  // of the pictures of a sample, such as image, truth, prediction; may be empty texts
  std::vector<ContactSheetSample> samples;
  std::vector<ContactSheetClass> legend;  // below everything
  int cell = 256;                         // pixels: each picture is scaled to fit into a square of this side
  int samples_across = 2;
};

// Height and width of a picture scaled to the largest size that fits into a square of `side` pixels.
std::pair<int, int> fitted_size(int height, int width, int side);

// Text that is not ASCII is drawn as question marks. InvariantError for a sheet without samples or titles, and where a sample has
// another number of pictures than there are titles.
image::Image draw(const ContactSheet& sheet);

}  // namespace muster::report
