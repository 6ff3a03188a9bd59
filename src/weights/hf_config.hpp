// config.json of the folders that transformers opens.
#pragma once

#include "io/value.hpp"
#include "weights/form.hpp"

namespace muster::weights {

// Whose class `row` is: with an EoMT head or without.
Form hf_form(const model::BackboneRow& row, bool eomt);

// Of DINOv3's feed-forward, gated or not; DINOv2's gate has its own in the code. EoMT's heads take the same one.
const char* hf_activation(const model::BackboneRow& row);

struct HfSettings {
  ScalarType dtype = ScalarType::kF32;
  int image_size = 0;  // pixels, square
  int num_upscale_blocks = 0;
};

// ConfigError where that class cannot say what the model is.
io::Value hf_config(Form form, const model::BackboneRow& row, const WeightsInfo& info, const HfSettings& settings);

}  // namespace muster::weights
