// The largest differences of a run, which are printed when it ends: the table of src/model/README.md.
#pragma once

#include <string>

namespace muster::golden {

enum class Quantity { kOutput, kLoss, kGradient };

// Gradients: relative to the largest value of their tensor; the others absolute.
void note_difference(const std::string& file, const std::string& reference, bool fp64, Quantity quantity, double difference);

}  // namespace muster::golden
