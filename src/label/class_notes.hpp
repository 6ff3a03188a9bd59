// OUT/_muster/classes.yaml: what the pixels of the masks mean. `muster pack masks=OUT` reads it, and takes it as classes=FILE too.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "image/overlay.hpp"

namespace muster::label {

struct LabelledClasses {
  std::vector<std::int32_t> ids;  // by train index
  std::vector<std::string> names;
  std::vector<image::Colour> colors;

  int bit_depth() const;   // of the masks: 8 where every id is at most 254, else 16
  int void_value() const;  // the depth's largest: no pixel of that class
};

// As YAML.
std::string class_notes(const LabelledClasses& classes);

// Train indices to class ids. InvariantError for an index without a class.
image::LabelMap in_class_ids(image::LabelMap labels, const LabelledClasses& classes);

}  // namespace muster::label
