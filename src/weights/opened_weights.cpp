#include "weights/opened_weights.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "core/error.hpp"
#include "weights/weight_cache.hpp"

namespace muster::weights {
namespace {

bool same_architecture(const model::BackboneRow& a, const model::BackboneRow& b) {
  return a.family == b.family && a.dim == b.dim && a.depth == b.depth && a.heads == b.heads && a.feed_forward == b.feed_forward &&
         a.hidden == b.hidden && a.qkv_bias == b.qkv_bias && a.storage_tokens == b.storage_tokens;
}

// Files that differ in nothing that can be seen, such as -sat493m, are what the user says they are.
void take_name(const std::string& model, const std::filesystem::path& path, Recognised& found) {
  if (model.empty()) {
    return;
  }
  const model::ModelName wanted = model::parse_model_name(model);
  if (wanted.eomt && !found.eomt) {
    throw ConfigError("{} holds a backbone without head ({}), not {}; leave -eomt away", path.string(), describe(found.shape), model);
  }
  if (!same_architecture(*wanted.backbone, found.row)) {
    throw DataError("{} holds {}, which is {}, not {}; name the file of {}, or that model", path.string(), describe(found.shape),
                    found.row.name, wanted.backbone->name, wanted.backbone->name);
  }
  if (wanted.backbone->name == found.row.name) {
    return;
  }
  const model::BackboneVariant variant = variant_for(std::string(wanted.backbone->name), found.row);
  found.row = model::varied(*wanted.backbone, variant);
  found.variant = variant;
  found.info.variant = variant;
  found.info.model = std::string(wanted.backbone->name) + (found.eomt ? "-eomt" : "");
  found.info.transform.mean.assign(found.row.mean.begin(), found.row.mean.end());
  found.info.transform.std.assign(found.row.std.begin(), found.row.std.end());
}

std::optional<TensorSource> open_base(const Recognised& found, const std::filesystem::path& path, const std::filesystem::path& base) {
  if (!base.empty()) {
    return TensorSource::open(base);
  }
  if (found.form != Form::kUpstreamEomtDelta) {
    return std::nullopt;
  }
  const PublishedWeights published = published_backbone(found.row);
  const auto cached = find_cached(published);
  if (!cached) {
    throw ConfigError("{} holds differences to the published backbone {}: {}; or name it with base=FILE", path.string(), found.row.name,
                      how_to_get(published, std::string(found.row.name)));
  }
  return TensorSource::open(*cached);
}

}  // namespace

OpenedWeights::OpenedWeights(const std::filesystem::path& path, OpenOptions options)
    : file_(TensorSource::open(path)), found_(recognise(file_)), load_(std::move(options.load)) {
  take_name(options.model, path, found_);
  base_ = open_base(found_, path, options.base);
  shapes_ = make_model({.device = at::kMeta});
  plan_ = plan_load(file_, found_.form, *shapes_, base(), load_);
}

std::unique_ptr<model::Model> OpenedWeights::make_model(const model::BuildOptions& build) const {
  model::BuildOptions wanted = build;
  wanted.weights_follow = true;
  wanted.variant = info().variant;
  return model::make_model(info().model, eomt_options(info()), found_.num_classes, wanted);
}

LoadPlan OpenedWeights::plan_backbone(const model::Model& model) const {
  const model::BackboneRow& wanted = model.backbone();
  if (!same_architecture(wanted, found_.row)) {
    throw DataError("{} holds {}, which is {}; the model to be built is {}: name the weights of {}, or that model", path().string(),
                    describe(found_.shape), found_.row.name, model.name(), wanted.name);
  }
  LoadOptions options = load_;
  for (const std::string& pattern : eomt_head_patterns()) {
    options.allow_missing.push_back(pattern);
    options.keep.push_back(pattern);
  }
  return plan_load(file_, found_.form, model, base(), options);
}

std::string OpenedWeights::short_hash() const {
  std::uint64_t bytes = 0;
  for (const StoredTensor& tensor : file_.tensors()) {
    bytes += tensor.bytes();
  }
  return bytes <= kHashedBytes ? "xxh3 " + file_.hash() : "names and sizes " + file_.table_hash();
}

std::string OpenedWeights::announcement() const {
  return announcement(plan_);
}

std::string OpenedWeights::announcement(const LoadPlan& plan) const {
  // The summary's first line has the hash of the table alone.
  const std::string summary = plan.summary();
  std::string text =
      fmt::format("weights: {} ({}, {})\n{}", path().string(), form_name(plan.form), short_hash(), summary.substr(summary.find('\n') + 1));
  for (const std::string& note : found_.notes) {
    text += fmt::format("  {}\n", note);
  }
  text.erase(text.find_last_not_of('\n') + 1);
  return text;
}

model::EomtOptions eomt_options(const WeightsInfo& info) {
  model::EomtOptions options;
  options.form = info.form;
  if (info.num_queries > 0) {
    options.num_queries = info.num_queries;
  }
  options.num_joint_blocks = info.num_joint_blocks;
  return options;
}

model::BackboneVariant variant_for(const std::string& model_name, const model::BackboneRow& wanted) {
  const model::ModelName name = model::parse_model_name(model_name);
  const auto settings = [](const model::BackboneRow& row) {
    return model::BackboneVariant{.patch = row.patch,
                                  .position_rows = row.position_rows,
                                  .position_columns = row.position_columns,
                                  .channels = row.channels,
                                  .norm_eps = row.norm_eps,
                                  .class_position = row.class_position};
  };
  const model::BackboneVariant exact = settings(wanted);
  return settings(model::varied(*name.backbone, name.variant())) == exact ? model::BackboneVariant() : exact;
}

ScalarType prevailing_type(const TensorSource& source) {
  std::map<ScalarType, std::int64_t> elements;
  for (const StoredTensor& tensor : source.tensors()) {
    elements[tensor.dtype] += tensor.numel();
  }
  const auto most = std::ranges::max_element(elements, {}, [](const auto& entry) { return entry.second; });
  return most == elements.end() ? ScalarType::kF32 : most->first;
}

}  // namespace muster::weights
