// What becomes of the pixels beyond the last whole patch (CONTRACTS 15).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <ATen/core/Tensor.h>

#include "model/model_table.hpp"

namespace muster::model {

enum class PatchRemainder : std::uint8_t {
  kDrop,      // left out, as a strided convolution does: DINOv3
  kRefuse,    // an error: DINOv2 in Meta's, upstream's and transformers' form
  kResizeUp,  // the image is resized to the next multiple, bicubically without antialias: DINOv2 in LightlyTrain's form
};

// "drop", "refuse", "resize_up": what a weight file stores as image_rules.patch_remainder.
std::string_view patch_remainder_name(PatchRemainder rule);

PatchRemainder patch_remainder(const BackboneRow& row, std::string_view form);

// images [B, C, H, W] -> the images whose whole patches the stem embeds; the images themselves under kDrop, or where nothing
// remains. Throws ConfigError under kRefuse, and for images that hold no patch.
at::Tensor settle_remainder(const at::Tensor& images, const BackboneRow& row, PatchRemainder rule);

// The warning for images of this size where kDrop leaves pixels out, with the size that would not; "" where none is left out.
std::string dropped_pixels_warning(const BackboneRow& row, PatchRemainder rule, std::int64_t height, std::int64_t width);

}  // namespace muster::model
