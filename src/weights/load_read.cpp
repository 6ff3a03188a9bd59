// Carrying out a plan: ranges of our tensors, from the file's bytes or from constants.
#include "weights/load_plan.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <fmt/ranges.h>

#include "core/error.hpp"
#include "model/parallel_items.hpp"
#include "model/patch_resize.hpp"
#include "model/wide_vectors.hpp"
#include "weights/scalar_types.hpp"

namespace muster::weights {
namespace {

constexpr std::int64_t kElementsAtOnce = 1 << 16;    // 256 KB of fp32: looked through for NaN while still in the second-level cache
constexpr std::int64_t kElementsOfThread = 1 << 21;  // taken by a thread at once

at::Tensor view_of(void* data, std::int64_t count, ScalarType type) {
  return at::from_blob(data, {count}, at::TensorOptions(torch_type(type)));
}

constexpr std::int64_t kRun = 1024;  // a fixed length, which the compiler turns into vector instructions

// Whether any of `runs` times kRun values is NaN: its bits without sign exceed those of infinity. (Signed whole numbers, which vector
// units of any x86-64 can compare.)
template <class Bits>
[[gnu::always_inline]] inline bool any_nan_of(const Bits* bits, std::int64_t runs, Bits infinity) {
  constexpr Bits kWithoutSign = std::numeric_limits<Bits>::max();
  for (std::int64_t run = 0; run < runs; ++run) {
    Bits any = 0;
    for (std::int64_t j = 0; j < kRun; ++j) {
      any = static_cast<Bits>(any | static_cast<Bits>(static_cast<Bits>(bits[run * kRun + j] & kWithoutSign) > infinity));
    }
    if (any != 0) {
      return true;
    }
  }
  return false;
}
MUSTER_FUSED_VECTORS bool any_nan(const std::int16_t* bits, std::int64_t runs, std::int16_t infinity) {
  return any_nan_of(bits, runs, infinity);
}
MUSTER_FUSED_VECTORS bool any_nan(const std::int32_t* bits, std::int64_t runs, std::int32_t infinity) {
  return any_nan_of(bits, runs, infinity);
}
MUSTER_FUSED_VECTORS bool any_nan(const std::int64_t* bits, std::int64_t runs, std::int64_t infinity) {
  return any_nan_of(bits, runs, infinity);
}

// Index of the first NaN, or `count`.
template <class Bits>
std::int64_t first_nan(const void* data, std::int64_t count, Bits infinity) {
  const auto* bits = static_cast<const Bits*>(data);
  const std::int64_t runs = count / kRun;
  std::int64_t i = any_nan(bits, runs, infinity) ? 0 : runs * kRun;
  while (i < count && static_cast<Bits>(bits[i] & std::numeric_limits<Bits>::max()) <= infinity) {
    ++i;
  }
  return i;
}

std::int64_t first_nan(const void* data, std::int64_t count, ScalarType type) {
  switch (type) {
    case ScalarType::kF64:
      return first_nan<std::int64_t>(data, count, 0x7ff0'0000'0000'0000);
    case ScalarType::kBF16:
      return first_nan<std::int16_t>(data, count, 0x7f80);
    case ScalarType::kF16:
      return first_nan<std::int16_t>(data, count, 0x7c00);
    default:
      return first_nan<std::int32_t>(data, count, 0x7f80'0000);
  }
}

// Sums are made in fp32, or in fp64 where that is wanted, and then rounded once.
void read_sum(const Part& part, std::int64_t begin, std::int64_t count, ScalarType to, void* destination) {
  const ScalarType wide = to == ScalarType::kF64 ? to : ScalarType::kF32;
  at::Tensor sum = at::empty({count}, at::TensorOptions(torch_type(wide)));
  at::Tensor term = at::empty_like(sum);
  part.source->read(*part.tensor, part.begin + begin, part.begin + begin + count, wide, sum.data_ptr());
  part.plus_source->read(*part.plus, part.plus_begin + begin, part.plus_begin + begin + count, wide, term.data_ptr());
  view_of(destination, count, to).copy_(sum.add_(term));
}

// Elements [begin, begin + count) of a part.
void read_part(const Part& part, std::int64_t begin, std::int64_t count, ScalarType to, std::byte* destination, const std::string& ours) {
  if (part.tensor == nullptr) {
    view_of(destination, count, to).fill_(part.constant);
    return;
  }
  for (std::int64_t done = 0; done < count; done += kElementsAtOnce) {
    const std::int64_t now = std::min(kElementsAtOnce, count - done);
    const std::int64_t first = begin + done;
    std::byte* const at = destination + static_cast<std::size_t>(done) * scalar_bytes(to);
    if (part.plus != nullptr) {
      read_sum(part, first, now, to, at);
    } else {
      part.source->read(*part.tensor, part.begin + first, part.begin + first + now, to, at);
    }
    if (const std::int64_t nan = first_nan(at, now, to); nan < now) {
      throw DataError(
          "{}: tensor {} is not a number (NaN) at element {}, which is for {}; the file is damaged or its training diverged. "
          "Fetch it again, or take an earlier checkpoint",
          part.source->path().string(), part.tensor->name, part.begin + first + nan, ours);
    }
  }
}

void read_parts(const TensorRecipe& recipe, std::int64_t begin, std::int64_t end, ScalarType to, void* destination) {
  std::int64_t part_begin = 0;
  for (const Part& part : recipe.parts) {
    const std::int64_t first = std::max(begin, part_begin);
    const std::int64_t last = std::min(end, part_begin + part.count);
    if (first < last) {
      read_part(part, first - part_begin, last - first, to,
                static_cast<std::byte*>(destination) + static_cast<std::size_t>(first - begin) * scalar_bytes(to), recipe.name);
    }
    part_begin += part.count;
  }
}

// A kernel of another size is made from the whole, which is a few MB.
void read_changed_kernel(const TensorRecipe& recipe, std::int64_t begin, std::int64_t end, ScalarType to, void* destination) {
  const ScalarType wide = to == ScalarType::kF64 ? to : ScalarType::kF32;
  at::Tensor kernel = at::empty(recipe.kernel->from, at::TensorOptions(torch_type(wide)));
  read_parts(recipe, 0, kernel.numel(), wide, kernel.data_ptr());
  kernel = model::repeat_channels(model::resample_patch_kernel(kernel, recipe.shape.at(2)), recipe.shape.at(1)).contiguous();
  check(kernel.numel() == recipe.numel(), "{}: {} elements after resampling, {} wanted", recipe.name, kernel.numel(), recipe.numel());
  view_of(destination, end - begin, to).copy_(kernel.view({-1}).slice(0, begin, end));
}

std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 4;
  const std::size_t shown = std::min(kShown, names.size());
  return fmt::format("{}{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                     shown < names.size() ? fmt::format(" and {} more", names.size() - shown) : "");
}

// One line per reason: "  skipped 2: a, b (the reason)"
std::string by_reason(const char* verb, const std::vector<std::pair<std::string, std::string>>& items) {
  std::map<std::string, std::vector<std::string>> names;
  for (const auto& [name, reason] : items) {
    names[reason].push_back(name);
  }
  std::string lines;
  for (const auto& [reason, of_reason] : names) {
    lines += fmt::format("  {} {}: {} ({})\n", verb, of_reason.size(), some_of(of_reason), reason);
  }
  return lines;
}

std::string listed(const char* verb, const std::vector<std::string>& names) {
  return names.empty() ? "" : fmt::format("  {} {}: {}\n", verb, names.size(), some_of(names));
}

}  // namespace

std::string LoadPlan::summary() const {
  std::int64_t values = 0;
  for (const TensorRecipe& recipe : tensors) {
    values += recipe.numel();
  }
  std::string text = fmt::format("weights: {} ({}, hash {})\n  loaded {} tensors, {} values\n", path, form_name(form), hash,
                                 tensors.size() - made.size(), values);
  text += by_reason("made", made) + by_reason("skipped", skipped);
  text += listed("left at their initial values", kept) + listed("missing", missing) + listed("unexpected", unexpected);
  for (const std::string& note : notes) {
    text += fmt::format("  {}\n", note);
  }
  return text;
}

void require_complete(const LoadPlan& plan) {
  if (!plan.missing.empty()) {
    throw DataError(
        "{} ({}) lacks {} of the model's tensors: {}. Take the file it was made from, or name them in allow_missing to keep their "
        "initial values",
        plan.path, form_name(plan.form), plan.missing.size(), some_of(plan.missing));
  }
  if (!plan.unexpected.empty()) {
    throw DataError("{} ({}) has {} tensors that the model does not know: {}. Name them in allow_unexpected if they are to be skipped",
                    plan.path, form_name(plan.form), plan.unexpected.size(), some_of(plan.unexpected));
  }
}

void read_range(const TensorRecipe& recipe, std::int64_t begin, std::int64_t end, ScalarType to, void* destination) {
  check(0 <= begin && begin <= end && end <= recipe.numel(), "{}: elements {} to {} of {}", recipe.name, begin, end, recipe.numel());
  if (begin == end) {
    return;
  }
  if (recipe.kernel) {
    read_changed_kernel(recipe, begin, end, to, destination);
  } else {
    read_parts(recipe, begin, end, to, destination);
  }
}

void read_ranges(std::span<const RangeRead> ranges) {
  std::vector<RangeRead> blocks;
  for (const RangeRead& range : ranges) {
    const auto bytes = static_cast<std::int64_t>(scalar_bytes(range.to));
    const std::int64_t step =
        range.recipe->kernel ? range.end - range.begin : kElementsOfThread;  // each part of a changed kernel reads all
    for (std::int64_t begin = range.begin; begin < range.end; begin += step) {
      blocks.push_back({.recipe = range.recipe,
                        .begin = begin,
                        .end = std::min(begin + step, range.end),
                        .to = range.to,
                        .destination = static_cast<std::byte*>(range.destination) + (begin - range.begin) * bytes});
    }
  }
  model::parallel_items(blocks.size(), [&](std::size_t i) {
    read_range(*blocks[i].recipe, blocks[i].begin, blocks[i].end, blocks[i].to, blocks[i].destination);
  });
}

void load(const LoadPlan& plan, std::span<const model::NamedTensor> tensors) {
  require_complete(plan);
  std::vector<RangeRead> ranges;
  for (const model::NamedTensor& named : tensors) {
    if (std::find(plan.kept.begin(), plan.kept.end(), named.name) != plan.kept.end()) {
      continue;
    }
    const TensorRecipe& recipe = plan.recipe(named.name);
    const at::Tensor tensor = named.tensor.detach();
    check(tensor.sizes().vec() == recipe.shape, "{}: shape [{}], planned for [{}]", named.name, fmt::join(tensor.sizes().vec(), ", "),
          fmt::join(recipe.shape, ", "));
    const ScalarType type = stored_type(tensor.scalar_type());
    if (tensor.is_cpu() && tensor.is_contiguous()) {
      ranges.push_back({.recipe = &recipe, .begin = 0, .end = recipe.numel(), .to = type, .destination = tensor.data_ptr()});
    } else {
      at::Tensor read = at::empty(recipe.shape, at::TensorOptions(tensor.scalar_type()));
      read_range(recipe, 0, recipe.numel(), type, read.data_ptr());
      tensor.copy_(read);
    }
  }
  read_ranges(ranges);
}

}  // namespace muster::weights
