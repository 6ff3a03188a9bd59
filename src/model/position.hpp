// DINOv2's learned positions: a table for one grid of patches, resampled bicubically to the grid of the image.
//
// Published code resamples in three ways, whose values differ by some 1e-3:
//   kOffsetScale  Meta's models without registers: by scales (G + 0.1) / T from table to grid, without antialias. The result has
//                 floor(T (G + 0.1) / T) = G entries, but they are sampled at the positions of that scale.
//   kSize         transformers' Dinov2Model: by the grid's size, without antialias.
//   kAntialias    models with registers, Meta's and transformers', and timm: by the grid's size, with antialias.
// PyTorch's cubic kernel has a = -0.75 without antialias and a = -0.5 with it (Keys 1981, IEEE TASSP 29(6), eq. 15).
// Sources: facebookresearch/dinov2 models/vision_transformer.py; transformers models/dinov2*/modeling_dinov2*.py; timm
// layers/pos_embed.py.
#pragma once

#include <cstdint>
#include <string_view>

#include <ATen/core/Tensor.h>

#include "model/model_table.hpp"

namespace muster::model {

enum class PositionResize { kOffsetScale, kSize, kAntialias };

// What `form` (EomtOptions::form) does with this backbone's table. A table without class entry is timm's.
PositionResize position_resize(const BackboneRow& row, std::string_view form);

// table [1, position_entries, D] -> [1, G + class entry, D] for a grid of `height` x `width` = G patches, in the table's type. The
// table itself where it has that grid; else resampled in fp32, as published (fp64 tables in fp64), and gradients flow to the table.
at::Tensor position_at_grid(const at::Tensor& table, const BackboneRow& row, PositionResize rule, std::int64_t height, std::int64_t width);

}  // namespace muster::model
