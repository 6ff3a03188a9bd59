// The keys and their meaning: transformers, models/*/configuration_*.py.
#include "weights/hf_config.hpp"

#include "core/error.hpp"

namespace muster::weights {
namespace {

using io::Value;

struct HfClass {
  const char* architecture;
  const char* model_type;
};
HfClass class_of(Form form) {
  switch (form) {
    case Form::kHfDinov2:
      return {"Dinov2Model", "dinov2"};
    case Form::kHfDinov2Registers:
      return {"Dinov2WithRegistersModel", "dinov2_with_registers"};
    case Form::kHfDinov3:
      return {"DINOv3ViTModel", "dinov3_vit"};
    case Form::kHfEomt:
      return {"EomtForUniversalSegmentation", "eomt"};
    default:
      return {"EomtDinov3ForUniversalSegmentation", "eomt_dinov3"};
  }
}

const char* torch_name(ScalarType type) {
  switch (type) {
    case ScalarType::kF64:
      return "float64";
    case ScalarType::kBF16:
      return "bfloat16";
    case ScalarType::kF16:
      return "float16";
    default:
      return "float32";
  }
}

// DINOv2's classes have no width of the feed-forward, only its ratio; of SwiGLU two thirds are kept, rounded up to 8.
int mlp_ratio(const model::BackboneRow& row) {
  constexpr int kLargest = 64;
  for (int ratio = 1; ratio <= kLargest; ++ratio) {
    const int full = row.dim * ratio;
    const int hidden = row.feed_forward == model::FeedForward::kMlp ? full : (full * 2 / 3 + 7) / 8 * 8;
    if (hidden == row.hidden) {
      return ratio;
    }
  }
  throw ConfigError("{}: a feed-forward of {} at width {} is no whole mlp_ratio, which is all that transformers' DINOv2 takes", row.name,
                    row.hidden, row.dim);
}

void set_dinov2(Value& config, const model::BackboneRow& row) {
  config.set("mlp_ratio", mlp_ratio(row));
  config.set("use_swiglu_ffn", row.feed_forward != model::FeedForward::kMlp);
}

void set_dinov3(Value& config, const model::BackboneRow& row) {
  config.set("intermediate_size", row.hidden);
  config.set("use_gated_mlp", row.feed_forward != model::FeedForward::kMlp);
  config.set("query_bias", row.qkv_bias);
  config.set("key_bias", false);
  config.set("value_bias", row.qkv_bias);
  config.set("proj_bias", true);
  config.set("mlp_bias", true);
  config.set("pos_embed_rescale", 2.0);
}

void set_eomt(Value& config, const WeightsInfo& info, const HfSettings& settings) {
  config.set("num_queries", info.num_queries);
  config.set("num_blocks", info.num_joint_blocks);
  config.set("num_upscale_blocks", settings.num_upscale_blocks);
  Value names = Value::map(), indices = Value::map();
  for (std::size_t i = 0; i < info.classes.size(); ++i) {
    names.set(std::to_string(i), info.classes[i].name);
    indices.set(info.classes[i].name, static_cast<std::int64_t>(i));
  }
  config.set("id2label", std::move(names));
  config.set("label2id", std::move(indices));
}

}  // namespace

const char* hf_activation(const model::BackboneRow& row) {
  return row.feed_forward == model::FeedForward::kSwiglu ? "silu" : "gelu";
}

Form hf_form(const model::BackboneRow& row, bool eomt) {
  if (row.family == model::Family::kDinov3) {
    return eomt ? Form::kHfEomtDinov3 : Form::kHfDinov3;
  }
  if (eomt) {
    return Form::kHfEomt;
  }
  return row.storage_tokens == 0 ? Form::kHfDinov2 : Form::kHfDinov2Registers;
}

Value hf_config(Form form, const model::BackboneRow& row, const WeightsInfo& info, const HfSettings& settings) {
  const HfClass hf = class_of(form);
  Value config = Value::map({{"architectures", Value(Value::List{hf.architecture})},
                             {"model_type", hf.model_type},
                             {"dtype", torch_name(settings.dtype)},
                             {"hidden_size", row.dim},
                             {"num_hidden_layers", row.depth},
                             {"num_attention_heads", row.heads},
                             {"hidden_act", hf_activation(row)},
                             {"layer_norm_eps", row.norm_eps},
                             {"image_size", settings.image_size},
                             {"patch_size", row.patch},
                             {"num_channels", row.channels}});
  if (form != Form::kHfDinov2) {
    config.set("num_register_tokens", row.storage_tokens);
  }
  if (row.family == model::Family::kDinov2) {
    set_dinov2(config, row);
  } else {
    set_dinov3(config, row);
  }
  if (form == Form::kHfDinov2 || form == Form::kHfDinov2Registers) {
    config.set("qkv_bias", row.qkv_bias);
  }
  if (form == Form::kHfDinov3) {
    config.set("rope_theta", 100.0);
  }
  if (form == Form::kHfEomtDinov3) {
    config.set("rope_parameters", Value::map({{"rope_type", "default"}, {"rope_theta", 100.0}}));
  }
  if (form == Form::kHfEomt || form == Form::kHfEomtDinov3) {
    set_eomt(config, info, settings);
  }
  return config;
}

}  // namespace muster::weights
