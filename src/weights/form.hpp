// Whose weight file is this, and of which model? Told from the names and shapes of its tensors, and from what stands beside them
// (config.json of Hugging Face, the arguments in LightlyTrain's exports); never from the file's name, except where two published
// files differ in nothing else (-sat493m), and then `notes` says so.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/model_table.hpp"
#include "weights/tensor_source.hpp"
#include "weights/weights_info.hpp"

namespace muster::weights {

// Families of names. Each has one table (forms_*.cpp), which load_plan.hpp reads from left to right and export_form.hpp from
// right to left.
enum class Form {
  kMuster,             // our own safetensors
  kMetaDinov2,         // Meta's .pth, and backbones in the same names by LightlyTrain
  kMetaDinov3,         //
  kHfDinov2,           // transformers: Dinov2Model
  kHfDinov2Registers,  // Dinov2WithRegistersModel
  kHfDinov3,           // DINOv3ViTModel
  kHfEomt,             // EomtForUniversalSegmentation (DINOv2)
  kHfEomtDinov3,       // EomtDinov3ForUniversalSegmentation
  kUpstreamEomt,       // tue-mps/eomt: DINOv2 in timm's names, or DINOv3 in those of transformers
  kUpstreamEomtDelta,  // tue-mps/eomt, DINOv3: the backbone's tensors are differences to the published ones
  kLightlyTrain,       // exported_best.pt, exported_last.pt and LightlyTrain's downloads
};

// "Meta DINOv3", for messages.
std::string_view form_name(Form form);

// What the shapes say about a model, before a row of the table is looked for.
struct FileShape {
  model::Family family = model::Family::kDinov3;
  int dim = 0, depth = 0;
  model::FeedForward feed_forward = model::FeedForward::kMlp;
  int hidden = 0;
  bool qkv_bias = true;
  int storage_tokens = 0;
  int patch = 0, channels = 0;
  std::int64_t positions = 0;  // entries of the learned table; 0 = none
  bool class_position = true;
  bool eomt = false;
  int num_queries = 0, num_classes = 0, num_upscale_blocks = 0;
};

// "a DINOv3 backbone of width 384, 12 blocks, MLP of 1536, 4 storage tokens, patch 16"
std::string describe(const FileShape& shape);

struct Recognised {
  Form form = Form::kMuster;
  FileShape shape;
  model::BackboneRow row;          // of the table, varied to the file
  model::BackboneVariant variant;  // what `row` differs in from the table
  bool eomt = false;
  int num_queries = 0, num_joint_blocks = 0, num_classes = 0;
  WeightsInfo info;                // as far as the file says; `model` is "dinov3/vits16" or "dinov3/vits16-eomt"
  std::vector<std::string> notes;  // what the file left open and how it was decided, one sentence each
};

// The form alone. DataError that says what was seen and which forms are read.
Form recognise_form(const TensorSource& source);

// DataError: no form, no such model in `table` (with the nearest rows), or a configuration that contradicts the shapes.
Recognised recognise(const TensorSource& source, std::span<const model::BackboneRow> table = model::backbone_table());

}  // namespace muster::weights
