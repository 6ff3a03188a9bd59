// Weights of an earlier model as the start of a new one (`checkpoint=`): everything but the class head, whose rows belong to
// classes and are taken over by name or not at all.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "model/model.hpp"
#include "weights/load_plan.hpp"
#include "weights/weights_info.hpp"

namespace muster::weights {

struct FineTuneReport {
  std::vector<std::string> reused_classes;  // whose rows were copied
  std::vector<std::string> fresh_classes;   // whose rows keep their initial values
  std::string notice;                       // one sentence when queries were cut or repeated, else empty
};

// DataError when the old model cannot be the start of one with these tensors, of which only names and shapes are looked at. The class
// head and the queries may have other numbers of rows; tensors that the plan keeps may be anything.
void check_fine_tuning(const LoadPlan& plan, std::span<const model::NamedTensor> tensors);

// Copies into the new model's tensors (contiguous, on the CPU), which hold its initial values. `plan` is that of the old model
// with its own number of queries and classes, `old_classes` are the names of its classes by row, `classes` the new model's.
// reuse_class_head: rows of classes with the same name in both are copied, and that of "no object"; else all rows stay fresh.
// Another number of queries: the old ones are cut, or repeated from the first. Tensors that the plan keeps stay as they are.
// DataError as check_fine_tuning(), and for NaN.
FineTuneReport load_for_fine_tuning(const LoadPlan& plan, std::span<const ClassEntry> old_classes,
                                    std::span<const model::NamedTensor> tensors, std::span<const std::string> classes,
                                    bool reuse_class_head);

}  // namespace muster::weights
