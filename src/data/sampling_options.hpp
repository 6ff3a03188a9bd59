// loader.sampling and loader.sampling_args.*: how often each image is shown.
#pragma once

#include <string>

#include "core/error.hpp"
#include "core/options.hpp"

namespace muster::data {

struct SamplingOptions {
  double threshold = 0.001;
  double temperature = 0.01;
};

template <class Visitor>
void visit(Visitor& v, SamplingOptions& o) {
  v.field("threshold", o.threshold, between(0, 1),
          "repeat_factor: classes in a smaller share of the images than this are shown more often");
  v.field("temperature", o.temperature, more_than(0), "rare_class: the smaller, the more of the draws go to the rarest classes");
}

// How samples are chosen. All but the first draw with replacement: an epoch is as many draws as there are images, but shows some of them
// several times and others not at all.
enum class Sampling { kUniform, kRepeatFactor, kClassBalanced, kRareClass };

inline Sampling sampling_from_name(const std::string& name) {
  if (name == "uniform") {
    return Sampling::kUniform;
  }
  if (name == "repeat_factor") {
    return Sampling::kRepeatFactor;
  }
  if (name == "class_balanced") {
    return Sampling::kClassBalanced;
  }
  if (name == "rare_class") {
    return Sampling::kRareClass;
  }
  throw ConfigError("loader.sampling={}: wanted uniform, repeat_factor, class_balanced or rare_class", name);
}

}  // namespace muster::data
