// One file of values that independent code computed (tools/golden), and how ours are compared with them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

#include "io/safetensors.hpp"
#include "io/value.hpp"
#include "model/block.hpp"
#include "model/loss_options.hpp"
#include "model/matcher.hpp"
#include "model/model.hpp"
#include "model/parameters.hpp"

namespace muster::golden {

// fp64 shows that the formulas are the same, fp32 that they are computed well.
struct Precision {
  at::ScalarType type;
  double tolerance;           // of outputs and losses: largest absolute difference
  double gradient_tolerance;  // relative to the largest value of the gradient's tensor
};
inline constexpr Precision kDouble{at::kDouble, 1e-10, 1e-10};
inline constexpr Precision kFloat{at::kFloat, 1e-4, 1e-3};
inline std::string name_of(Precision precision) {
  return precision.type == at::kDouble ? "fp64" : "fp32";
}

class Case {
 public:
  // A file of tests/golden/data, without its ending.
  explicit Case(const std::string& name);

  bool has(const std::string& name) const { return file_.contains(name); }
  at::Tensor tensor(const std::string& name) const;  // in its own type; parameters that are stored as bytes come as fp32
  std::vector<std::string> names(std::string_view prefix) const;

  // Of the file's metadata.
  bool says(const std::string& key) const { return file_.metadata().contains(key); }
  io::Value value(const std::string& key) const;
  int integer(const std::string& key) const { return static_cast<int>(value(key).as_int()); }
  double number(const std::string& key) const { return value(key).as_double(); }
  std::string text(const std::string& key) const { return file_.metadata().at(key); }

  model::BackboneRow backbone() const;
  // Everything that the file does not say as it comes.
  model::EomtOptions eomt_options() const;
  model::MaskLossOptions loss_options() const;
  model::PassKey pass_key() const;  // of a training pass

  // Fills every parameter and buffer from "param.*". Fails the test when one of either side has no partner.
  void load(model::ParameterStore& store, const std::vector<model::NamedTensor>& buffers) const;

  // Fails the test, naming the tensor, where they differ by more than the tolerance.
  void expect_near(const std::string& name, const at::Tensor& ours, Precision precision) const;
  // Image i was matched as in `prefix` + i, int32 [pairs, 2] of (query, mask); masks that are not listed have no query.
  void expect_matched(const std::string& prefix, const model::Matching& ours) const;
  // All of the store's gradients against "grad.*", or large ones against "sketch.*"; those golden values are not zero, and none is
  // left over. Parameters named in `unused` took no part: ours must be zero.
  void expect_gradients(const model::ParameterStore& store, Precision precision, const std::vector<std::string>& unused = {}) const;

 private:
  void expect_within(const std::string& name, const at::Tensor& ours, const at::Tensor& theirs, Precision precision) const;

  std::string name_;
  io::SafetensorsFile file_;
};

}  // namespace muster::golden
