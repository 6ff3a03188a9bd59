#include "model/position.hpp"

#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>

#include "core/error.hpp"
#include "model/backbone.hpp"
#include "model/initialisation.hpp"
#include "model/parameters.hpp"
#include "model/patch_remainder.hpp"
#include "model/plain_runner.hpp"
#include "plain_bicubic.hpp"
#include "tiny_model.hpp"

namespace muster::model {
namespace {

// Class entry as it is, patches by one matrix per axis.
at::Tensor plain_position(const at::Tensor& table, const BackboneRow& row, const Matrix& along_rows, const Matrix& along_columns) {
  const std::int64_t first = row.class_position ? 1 : 0;
  const auto height = static_cast<std::int64_t>(along_rows.size()), width = static_cast<std::int64_t>(along_columns.size());
  const at::Tensor patches = table[0].slice(0, first).view({row.position_rows, row.position_columns, -1});
  at::Tensor result = at::zeros({1, first + height * width, table.size(2)}, at::kDouble);
  if (first > 0) {
    result[0][0].copy_(table[0][0]);
  }
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      at::Tensor entry = result[0][first + y * width + x];
      for (std::int64_t i = 0; i < row.position_rows; ++i) {
        for (std::int64_t j = 0; j < row.position_columns; ++j) {
          const double weight = along_rows[static_cast<std::size_t>(y)][static_cast<std::size_t>(i)] *
                                along_columns[static_cast<std::size_t>(x)][static_cast<std::size_t>(j)];
          entry += weight * patches[i][j];
        }
      }
    }
  }
  return result;
}

Matrix axis_matrix(PositionResize rule, std::int64_t from, std::int64_t to) {
  const auto table = static_cast<double>(from), grid = static_cast<double>(to);
  switch (rule) {
    case PositionResize::kOffsetScale:
      return cubic_matrix(from, to, table / (grid + 0.1));
    case PositionResize::kSize:
      return cubic_matrix(from, to, table / grid);
    case PositionResize::kAntialias:
      return antialiased_matrix(from, to);
  }
  throw InvariantError("no such rule");
}

constexpr PositionResize kRules[] = {PositionResize::kOffsetScale, PositionResize::kSize, PositionResize::kAntialias};

TEST(Position, AgreesWithLoopsOverTheFormulaUpAndDown) {
  for (const bool class_entry : {true, false}) {
    const BackboneRow row = varied(tiny_dinov2(0), {.position_rows = 7, .position_columns = 6, .class_position = class_entry});
    const at::Tensor table = random_tensor("table", {1, row.position_entries(), 4});
    for (const PositionResize rule : kRules) {
      for (const auto& [height, width] : std::vector<std::pair<std::int64_t, std::int64_t>>{{9, 11}, {4, 3}, {2, 13}, {6, 7}}) {
        const at::Tensor ours = position_at_grid(table, row, rule, height, width);
        const at::Tensor plain = plain_position(table, row, axis_matrix(rule, 7, height), axis_matrix(rule, 6, width));
        ASSERT_EQ(ours.sizes(), plain.sizes());
        EXPECT_LT(max_difference(ours, plain), 1e-12) << static_cast<int>(rule) << ": " << height << " x " << width;
        EXPECT_LT(max_difference(position_at_grid(table.to(at::kFloat), row, rule, height, width), plain), 2e-5);
      }
    }
  }
}

TEST(Position, TheThreeRulesDiffer) {
  const BackboneRow row = tiny_dinov2(0);
  const at::Tensor table = random_tensor("table", {1, 26, 16}, at::kFloat);
  const auto at_grid = [&](PositionResize rule) { return position_at_grid(table, row, rule, 3, 4); };
  EXPECT_GT(max_difference(at_grid(kRules[0]), at_grid(kRules[1])), 1e-2);
  EXPECT_GT(max_difference(at_grid(kRules[1]), at_grid(kRules[2])), 1e-2);
}

TEST(Position, TheTableItselfServesItsOwnGridOnly) {
  const BackboneRow row = tiny_dinov2(0);
  const at::Tensor table = random_tensor("table", {1, 26, 16});
  for (const PositionResize rule : kRules) {
    EXPECT_TRUE(position_at_grid(table, row, rule, 5, 5).is_same(table));
    EXPECT_EQ(position_at_grid(table, row, rule, 1, 25).size(1), 26) << "as many patches in another shape are resampled";
    EXPECT_GT(max_difference(position_at_grid(table, row, rule, 1, 25), table), 0.1);
    EXPECT_EQ(position_at_grid(table, row, rule, 6, 6).scalar_type(), at::kDouble);
  }
}

TEST(Position, GradientsReachTheTableThroughTheTransposedMatrix) {
  const BackboneRow row = tiny_dinov2(0);
  for (const PositionResize rule : kRules) {
    const at::Tensor table = random_tensor("table", {1, 26, 1}).requires_grad_(true);
    const at::Tensor weights = random_tensor("weights", {1, 1 + 3 * 7, 1});
    (position_at_grid(table, row, rule, 3, 7) * weights).sum().backward();
    for (std::int64_t entry = 0; entry < 26; ++entry) {
      at::Tensor unit = at::zeros({1, 26, 1}, at::kDouble);
      unit[0][entry].fill_(1);
      const at::Tensor column = plain_position(unit, row, axis_matrix(rule, 5, 3), axis_matrix(rule, 5, 7));
      EXPECT_NEAR(table.grad()[0][entry][0].item<double>(), (column * weights).sum().item<double>(), 1e-12) << entry;
    }
  }
}

TEST(Position, FormAndRegistersChooseTheRule) {
  const BackboneRow folded = varied(tiny_dinov2(0), {.class_position = false});
  for (const char* form : {"lightly_train", "upstream", "hf"}) {
    EXPECT_EQ(position_resize(tiny_dinov2(4), form), PositionResize::kAntialias) << form;
    EXPECT_EQ(position_resize(folded, form), PositionResize::kAntialias) << form;
  }
  EXPECT_EQ(position_resize(tiny_dinov2(0), "lightly_train"), PositionResize::kOffsetScale);
  EXPECT_EQ(position_resize(tiny_dinov2(0), "upstream"), PositionResize::kOffsetScale);
  EXPECT_EQ(position_resize(tiny_dinov2(0), "hf"), PositionResize::kSize);
}

TEST(PatchRemainder, FamilyAndFormChooseTheRule) {
  for (const char* form : {"lightly_train", "upstream", "hf"}) {
    EXPECT_EQ(patch_remainder(tiny_backbone(), form), PatchRemainder::kDrop) << form;
  }
  EXPECT_EQ(patch_remainder_name(patch_remainder(tiny_dinov2(4), "lightly_train")), "resize_up");
  EXPECT_EQ(patch_remainder_name(patch_remainder(tiny_dinov2(4), "upstream")), "refuse");
  EXPECT_EQ(patch_remainder_name(patch_remainder(tiny_dinov2(4), "hf")), "refuse");
}

TEST(PatchRemainder, WholePatchesAreLeftAlone) {
  const at::Tensor images = random_tensor("images", {2, 3, 8, 12});
  for (const PatchRemainder rule : {PatchRemainder::kDrop, PatchRemainder::kRefuse, PatchRemainder::kResizeUp}) {
    EXPECT_TRUE(settle_remainder(images, tiny_dinov2(0), rule).is_same(images));
  }
}

TEST(PatchRemainder, ResizesUpToTheNextMultipleBicubically) {
  const at::Tensor images = random_tensor("images", {1, 1, 9, 8});
  const at::Tensor resized = settle_remainder(images, tiny_dinov2(0), PatchRemainder::kResizeUp);
  ASSERT_EQ(resized.sizes(), at::IntArrayRef({1, 1, 12, 8}));
  const Matrix rows = cubic_matrix(9, 12, 9.0 / 12);
  for (std::size_t y = 0; y < 12; ++y) {
    at::Tensor line = at::zeros({8}, at::kDouble);
    for (std::size_t i = 0; i < 9; ++i) {
      line += rows[y][i] * images[0][0][static_cast<std::int64_t>(i)];
    }
    EXPECT_LT(max_difference(resized[0][0][static_cast<std::int64_t>(y)], line), 1e-12) << y;
  }
}

TEST(PatchRemainder, ARefusalNamesSizePatchAndRemedy) {
  try {
    (void)settle_remainder(at::zeros({1, 3, 500, 641}), *parse_model_name("dinov2/vitl14").backbone, PatchRemainder::kRefuse);
    ADD_FAILURE() << "not refused";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("500 x 641 pixels: dinov2/vitl14 takes multiples of its patch of 14 x 14"));
    EXPECT_THAT(error.what(), testing::HasSubstr("resize them to 504 x 644"));
  }
  EXPECT_THROW((void)settle_remainder(at::zeros({1, 3, 3, 9}), tiny_backbone(), PatchRemainder::kDrop), ConfigError);
}

TEST(PatchRemainder, WhatIsLeftOutIsToldWithTheSizeThatLeavesNothingOut) {
  const BackboneRow& dinov3 = *parse_model_name("dinov3/vits16").backbone;
  EXPECT_EQ(dropped_pixels_warning(dinov3, PatchRemainder::kDrop, 224, 240), "");
  EXPECT_EQ(dropped_pixels_warning(dinov3, PatchRemainder::kResizeUp, 229, 240), "");
  EXPECT_EQ(dropped_pixels_warning(dinov3, PatchRemainder::kDrop, 229, 255),
            "images of 229 x 255 pixels: dinov3/vits16 takes whole patches of 16 x 16, so the last 5 rows and 15 columns are left out; 224 x 240 leaves none out");
}

// Embedded patches and class token plus their positions, then the registers between, which have none.
TEST(StemBlock, AddsPositionsBeforeRegistersAreInserted) {
  for (const int registers : {0, 2}) {
    for (const bool class_entry : {true, false}) {
      const BackboneRow row = varied(tiny_dinov2(registers), {.channels = 5, .class_position = class_entry});
      const StemBlock stem(row, true, PositionResize::kAntialias);
      ParameterStore store(std::span(&stem.unit(), 1), at::kDouble);
      initialise(store, std::span(&stem.unit(), 1), 1);
      const at::NoGradGuard no_grad;
      store.tensor("backbone.cls_token").add_(1);
      PlainRunner runner(store);
      const at::Tensor images = random_tensor("images", {2, 5, 20, 20});  // the table's own grid of 5 x 5
      const at::Tensor tokens = runner.run(stem, {images}, {}, {}).at(0);
      ASSERT_EQ(tokens.sizes(), at::IntArrayRef({2, 1 + registers + 25, 16}));
      const at::Tensor& table = store.tensor("backbone.pos_embed");
      ASSERT_EQ(table.size(1), class_entry ? 26 : 25);
      const at::Tensor patches =
          at::conv2d(images, store.tensor("backbone.patch_embed.proj.weight"), store.tensor("backbone.patch_embed.proj.bias"), 4);
      EXPECT_LT(max_difference(tokens.slice(1, 1 + registers), patches.flatten(2).transpose(1, 2) + table.slice(1, class_entry ? 1 : 0)),
                1e-12);
      const at::Tensor cls = store.tensor("backbone.cls_token");
      EXPECT_TRUE(at::equal(tokens.slice(1, 0, 1), (class_entry ? cls + table.slice(1, 0, 1) : cls).expand({2, 1, 16})));
      if (registers > 0) {
        EXPECT_TRUE(at::equal(tokens.slice(1, 1, 3), store.tensor("backbone.register_tokens").expand({2, 2, 16})));
      }
      EXPECT_EQ(store.contains("backbone.register_tokens"), registers > 0);
      EXPECT_FALSE(store.contains("backbone.storage_tokens"));
    }
  }
}

TEST(StemBlock, Dinov2StartsFromItsOwnSmallTokens) {
  const StemBlock stem(*parse_model_name("dinov2/vits14").backbone, true);
  ParameterStore store(std::span(&stem.unit(), 1), at::kFloat);
  initialise(store, std::span(&stem.unit(), 1), 1);
  const auto deviation = [&](const char* name) { return store.tensor(name).detach().std().item<double>(); };
  EXPECT_NEAR(deviation("backbone.pos_embed"), 0.02, 1e-4);
  EXPECT_NEAR(deviation("backbone.cls_token"), 1e-6, 1e-7);
  EXPECT_NEAR(deviation("backbone.register_tokens"), 1e-6, 1e-7);
  const double bound = 1 / std::sqrt(3.0 * 14 * 14);  // PyTorch's default
  EXPECT_NEAR(store.tensor("backbone.patch_embed.proj.weight").abs().max().item<double>(), bound, 1e-4);
  EXPECT_EQ(store.tensor("backbone.mask_token").abs().max().item<double>(), 0);
}

TEST(Backbone, OddSizesFollowTheFormAndSetTheGrid) {
  const at::Tensor images = random_tensor("images", {1, 3, 18, 24});
  const auto grid_of = [&](const BackboneRow& row, const std::string& form) {
    EomtOptions options;
    options.form = form;
    const Backbone backbone(row, options, 0, {.dtype = at::kDouble});
    const std::vector<UnitSpec> units = backbone.units();
    ParameterStore store(units, at::kDouble);
    initialise(store, units, 1);
    PlainRunner runner(store);
    BlockContext context;
    const at::Tensor tokens = backbone.stem(runner, images, context, {});
    EXPECT_EQ(tokens.size(1), 1 + row.storage_tokens + context.patches());
    return std::pair(context.grid_height, context.grid_width);
  };
  EXPECT_EQ(grid_of(tiny_backbone(), "hf"), std::pair(4L, 6L));
  EXPECT_EQ(grid_of(tiny_dinov2(4), "lightly_train"), std::pair(5L, 6L));
  EXPECT_THROW((void)grid_of(tiny_dinov2(4), "upstream"), ConfigError);
  EXPECT_THROW((void)grid_of(tiny_dinov2(0), "hf"), ConfigError);
}

}  // namespace
}  // namespace muster::model
