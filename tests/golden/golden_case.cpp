#include "golden/golden_case.hpp"

#include <algorithm>
#include <set>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "golden/differences.hpp"

namespace muster::golden {
namespace {

at::ScalarType torch_type(ScalarType type) {
  switch (type) {
    case ScalarType::kF32:
      return at::kFloat;
    case ScalarType::kF64:
      return at::kDouble;
    case ScalarType::kI32:
      return at::kInt;
    case ScalarType::kU8:
      return at::kByte;
    default:
      throw InvariantError("golden files hold no {}", scalar_name(type));
  }
}

// golden_common.sketch: the rows of a matrix against four cosines, in fp64.
at::Tensor sketch(const at::Tensor& gradient) {
  const at::Tensor rows = (gradient.size(0) == 1 ? gradient.squeeze(0) : gradient).to(at::kDouble).flatten(1);
  const at::Tensor columns = at::arange(rows.size(1), at::kDouble) + 0.5;
  return rows.matmul((columns.unsqueeze(1) * at::arange(1, 5, at::kDouble)).cos());
}

Quantity quantity_of(const std::string& name) {
  return name.starts_with("output.loss") ? Quantity::kLoss : name.starts_with("output.") ? Quantity::kOutput : Quantity::kGradient;
}

model::FeedForward feed_forward(const std::string& text) {
  check(text == "mlp" || text == "swiglu" || text == "packed_swiglu", "golden files hold no feed-forward {}", text);
  return text == "mlp" ? model::FeedForward::kMlp : text == "swiglu" ? model::FeedForward::kSwiglu : model::FeedForward::kPackedSwiglu;
}

}  // namespace

Case::Case(const std::string& name) : name_(name), file_(std::string(MUSTER_SOURCE_DIR) + "/tests/golden/data/" + name + ".safetensors") {}

at::Tensor Case::tensor(const std::string& name) const {
  const io::TensorInfo& info = file_.info(name);
  at::Tensor result = at::empty(info.shape, torch_type(info.dtype));
  file_.read(name, result.mutable_data_ptr());
  if (info.dtype == ScalarType::kU8 && name.starts_with("param.")) {
    return (result.to(at::kFloat) - 128) * number("parameter_step");
  }
  return result;
}

std::vector<std::string> Case::names(std::string_view prefix) const {
  std::vector<std::string> result;
  for (const std::string& name : file_.names()) {
    if (name.starts_with(prefix)) {
      result.push_back(name);
    }
  }
  return result;
}

io::Value Case::value(const std::string& key) const {
  return io::parse_json(text(key), file_.path().string() + ", " + key);
}

model::BackboneRow Case::backbone() const {
  const bool dinov2 = text("family") == "dinov2";
  model::BackboneRow row{.name = dinov2 ? "dinov2/tiny" : "dinov3/tiny",
                         .dim = integer("embed_dim"),
                         .depth = integer("depth"),
                         .heads = integer("heads"),
                         .feed_forward = feed_forward(text("ffn")),
                         .hidden = integer("ffn_hidden"),
                         .joint_blocks = 0,
                         .qkv_bias = !says("qkv_bias") || value("qkv_bias").as_bool(),
                         .weights_file = {},
                         .patch = integer("patch_size"),
                         .storage_tokens = integer("storage_tokens"),
                         .norm_eps = number("norm_eps"),
                         .family = dinov2 ? model::Family::kDinov2 : model::Family::kDinov3,
                         .class_position = !says("class_position") || value("class_position").as_bool(),
                         .license = {}};
  if (dinov2) {
    const io::Value table = value("positions");
    row.position_rows = static_cast<int>(table.as_list().at(0).as_int());
    row.position_columns = static_cast<int>(table.as_list().at(1).as_int());
  }
  return row;
}

model::EomtOptions Case::eomt_options() const {
  model::EomtOptions options;
  options.form = text("form");
  if (says("queries")) {
    options.num_queries = integer("queries");
    options.num_joint_blocks = integer("joint_blocks");
  }
  return options;
}

model::MaskLossOptions Case::loss_options() const {
  return {.num_points = integer("points"),
          .oversample_ratio = number("oversample_ratio"),
          .importance_sample_ratio = number("importance_ratio")};
}

model::PassKey Case::pass_key() const {
  model::PassKey key{.seed = static_cast<std::uint64_t>(integer("seed")), .step = integer("step"), .training = true, .sample_ids = {}};
  const io::Value ids = value("sample_ids");
  for (const io::Value& id : ids.as_list()) {
    key.sample_ids.push_back(static_cast<std::uint32_t>(id.as_int()));
  }
  return key;
}

void Case::load(model::ParameterStore& store, const std::vector<model::NamedTensor>& buffers) const {
  const c10::NoGradGuard no_gradient;
  std::set<std::string> left;
  for (const std::string& name : names("param.")) {
    left.insert(name);
  }
  const auto fill = [&](const std::string& name, const at::Tensor& destination) {
    const at::Tensor source = tensor("param." + name);
    ASSERT_EQ(source.sizes(), destination.sizes()) << name;
    destination.copy_(source);
    left.erase("param." + name);
  };
  for (const std::string& name : store.names()) {
    fill(name, store.tensor(name));
  }
  for (const model::NamedTensor& buffer : buffers) {
    if (!buffer.name.ends_with("rope_embed.periods")) {  // computed on both sides
      fill(buffer.name, buffer.tensor);
    }
  }
  EXPECT_TRUE(left.empty()) << *left.begin() << " and " << left.size() - 1 << " others have no place in our model";
}

void Case::expect_near(const std::string& name, const at::Tensor& ours, Precision precision) const {
  ASSERT_TRUE(ours.defined()) << name;
  ASSERT_EQ(ours.scalar_type(), precision.type) << name;
  expect_within(name, ours.detach(), tensor(name), precision);
}

void Case::expect_within(const std::string& name, const at::Tensor& ours, const at::Tensor& theirs, Precision precision) const {
  ASSERT_EQ(ours.sizes(), theirs.sizes()) << name;
  const double largest = theirs.abs().max().item<double>();
  const double difference = (ours.to(at::kDouble) - theirs.to(at::kDouble)).abs().max().item<double>();
  const Quantity quantity = quantity_of(name);
  const bool relative = quantity == Quantity::kGradient;
  note_difference(name_, text("reference"), precision.type == at::kDouble, quantity, relative ? difference / largest : difference);
  EXPECT_LE(difference, relative ? precision.gradient_tolerance * largest : precision.tolerance)
      << name << ", whose largest value is " << largest;
}

void Case::expect_matched(const std::string& prefix, const model::Matching& ours) const {
  for (std::size_t image = 0; image < ours.query_of_mask.size(); ++image) {
    const at::Tensor pairs = tensor(prefix + std::to_string(image));
    std::vector<int> theirs(ours.query_of_mask[image].size(), -1);
    for (std::int64_t i = 0; i < pairs.size(0); ++i) {
      theirs.at(static_cast<std::size_t>(pairs[i][1].item<int>())) = pairs[i][0].item<int>();
    }
    EXPECT_EQ(ours.query_of_mask[image], theirs) << prefix << image;
  }
}

void Case::expect_gradients(const model::ParameterStore& store, Precision precision, const std::vector<std::string>& unused) const {
  std::size_t compared = 0;
  for (const std::string& name : store.names()) {
    if (!store.tensor(name).requires_grad()) {
      EXPECT_FALSE(has("grad." + name)) << name << " is frozen here, not there";
      continue;
    }
    const at::Tensor ours = store.tensor(name).grad();
    if (std::ranges::find(unused, name) != unused.end()) {
      EXPECT_EQ(ours.abs().max().item<double>(), 0) << name;
      continue;
    }
    const std::string golden = (has("grad." + name) ? "grad." : "sketch.") + name;
    const at::Tensor theirs = tensor(golden);
    EXPECT_GT(theirs.abs().max().item<double>(), 0) << name << ": nothing would be compared";
    ASSERT_EQ(ours.scalar_type(), precision.type) << name;
    expect_within(golden, has("grad." + name) ? ours : sketch(ours), theirs, precision);
    ++compared;
  }
  std::size_t of_parameters = 0;
  for (const char* prefix : {"grad.", "sketch."}) {
    for (const std::string& name : names(prefix)) {
      of_parameters += has("param." + name.substr(std::string_view(prefix).size()));
    }
  }
  EXPECT_EQ(compared, of_parameters);
}

}  // namespace muster::golden
