#include "model/patch_remainder.hpp"

#include <ATen/ops/upsample_bicubic2d.h>

#include "core/error.hpp"

namespace muster::model {

std::string_view patch_remainder_name(PatchRemainder rule) {
  switch (rule) {
    case PatchRemainder::kDrop:
      return "drop";
    case PatchRemainder::kRefuse:
      return "refuse";
    case PatchRemainder::kResizeUp:
      return "resize_up";
  }
  throw InvariantError("patch_remainder_name: {}", static_cast<int>(rule));
}

PatchRemainder patch_remainder(const BackboneRow& row, std::string_view form) {
  if (row.family == Family::kDinov3) {
    return PatchRemainder::kDrop;
  }
  return form == "lightly_train" ? PatchRemainder::kResizeUp : PatchRemainder::kRefuse;
}

at::Tensor settle_remainder(const at::Tensor& images, const BackboneRow& row, PatchRemainder rule) {
  const std::int64_t patch = row.patch, height = images.size(2), width = images.size(3);
  const auto next_multiple = [&](std::int64_t pixels) { return (pixels + patch - 1) / patch * patch; };
  if (height == 0 || width == 0 || (rule == PatchRemainder::kDrop && (height < patch || width < patch))) {
    throw ConfigError("images of {} x {} pixels hold no patch of {} x {}; use a larger image_size", height, width, patch, patch);
  }
  if (rule == PatchRemainder::kDrop || (height % patch == 0 && width % patch == 0)) {
    return images;
  }
  if (rule == PatchRemainder::kRefuse) {
    throw ConfigError(
        "images of {} x {} pixels: {} takes multiples of its patch of {} x {} only; resize them to {} x {}, or use "
        "model_args.form=lightly_train, which does so itself",
        height, width, row.name, patch, patch, next_multiple(height), next_multiple(width));
  }
  return at::upsample_bicubic2d(images, {next_multiple(height), next_multiple(width)}, false);
}

std::string dropped_pixels_warning(const BackboneRow& row, PatchRemainder rule, std::int64_t height, std::int64_t width) {
  const std::int64_t patch = row.patch, rows = height % patch, columns = width % patch;
  if (rule != PatchRemainder::kDrop || (rows == 0 && columns == 0)) {
    return "";
  }
  return fmt::format("images of {} x {} pixels: {} takes whole patches of {} x {}, so the last {} rows and {} columns are left out; {} x {} leaves none out",
                     height, width, row.name, patch, patch, rows, columns, height - rows, width - columns);
}

}  // namespace muster::model
