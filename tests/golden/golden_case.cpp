#include "golden/golden_case.hpp"

#include <algorithm>
#include <set>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

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

}  // namespace

Case::Case(const std::string& name) : file_(std::string(MUSTER_SOURCE_DIR) + "/tests/golden/data/" + name + ".safetensors") {}

at::Tensor Case::tensor(const std::string& name) const {
  const io::TensorInfo& info = file_.info(name);
  at::Tensor result = at::empty(info.shape, torch_type(info.dtype));
  file_.read(name, result.mutable_data_ptr());
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
  return {.name = "dinov3/tiny",
          .dim = integer("embed_dim"),
          .depth = integer("depth"),
          .heads = integer("heads"),
          .feed_forward = text("ffn") == "swiglu" ? model::FeedForward::kSwiglu : model::FeedForward::kMlp,
          .hidden = integer("ffn_hidden"),
          .joint_blocks = 0,
          .qkv_bias = true,
          .weights_file = {},
          .patch = integer("patch_size"),
          .storage_tokens = integer("storage_tokens"),
          .norm_eps = number("norm_eps")};
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
  const at::Tensor theirs = tensor(name).to(at::kDouble);
  ASSERT_TRUE(ours.defined()) << name;
  ASSERT_EQ(ours.scalar_type(), precision.type) << name;
  ASSERT_EQ(ours.sizes(), theirs.sizes()) << name;
  const double difference = (ours.detach().to(at::kDouble) - theirs).abs().max().item<double>();
  EXPECT_LE(difference, precision.tolerance) << name << ", whose largest value is " << theirs.abs().max().item<double>();
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
    EXPECT_GT(tensor("grad." + name).abs().max().item<double>(), 0) << name << ": nothing would be compared";
    expect_near("grad." + name, ours, precision);
    ++compared;
  }
  std::size_t of_parameters = 0;
  for (const std::string& name : names("grad.")) {
    of_parameters += has("param." + name.substr(5));
  }
  EXPECT_EQ(compared, of_parameters);
}

model::EomtOptions eomt_options(const Case& golden) {
  model::EomtOptions options;
  options.num_queries = golden.integer("queries");
  options.num_joint_blocks = golden.integer("joint_blocks");
  return options;
}

}  // namespace muster::golden
