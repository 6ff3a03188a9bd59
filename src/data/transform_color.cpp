#include "data/transform_color.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/random.hpp"

namespace muster::data {
namespace {

// Three planes of floats in [0, 255]: plain loops over them become vector instructions.
struct Planes {
  std::vector<float> red;
  std::vector<float> green;
  std::vector<float> blue;
};

float cut(float value) {
  value = value < 0.0F ? 0.0F : value;
  return value > 255.0F ? 255.0F : value;
}

// ITU-R BT.601 luma, with torchvision's digits.
float grey(float red, float green, float blue) {
  return 0.2989F * red + 0.587F * green + 0.114F * blue;
}

// body(i) for each i below `count`, compiled twice: eight floats at a time where the processor has AVX2. Neither form fuses or reorders
// operations, so both give the same bits. Bodies are forced inline, since what is not would be compiled for the plain processor.
#define MUSTER_BODY __attribute__((always_inline))
#if defined(__x86_64__)
template <class Body>
__attribute__((target("avx2"))) void for_each_wide(std::size_t count, const Body& body) {
  for (std::size_t i = 0; i < count; ++i) {
    body(i);
  }
}
#endif

template <class Body>
void for_each_pixel(std::size_t count, const Body& body) {
#if defined(__x86_64__)
  static const bool wide = __builtin_cpu_supports("avx2");
  if (wide) {
    return for_each_wide(count, body);
  }
#endif
  for (std::size_t i = 0; i < count; ++i) {
    body(i);
  }
}

void scale_brightness(Planes& planes, float factor) {
  for (std::vector<float>* plane : {&planes.red, &planes.green, &planes.blue}) {
    float* values = plane->data();
    for_each_pixel(plane->size(), [=](std::size_t i) MUSTER_BODY { values[i] = cut(values[i] * factor); });
  }
}

void scale_contrast(Planes& planes, float factor) {
  double sum = 0;
  for (std::size_t i = 0; i < planes.red.size(); ++i) {
    sum += grey(planes.red[i], planes.green[i], planes.blue[i]);
  }
  const auto base = static_cast<float>(sum / static_cast<double>(planes.red.size())) * (1.0F - factor);
  for (std::vector<float>* plane : {&planes.red, &planes.green, &planes.blue}) {
    float* values = plane->data();
    for_each_pixel(plane->size(), [=](std::size_t i) MUSTER_BODY { values[i] = cut(values[i] * factor + base); });
  }
}

void scale_saturation(Planes& planes, float factor) {
  float* red = planes.red.data();
  float* green = planes.green.data();
  float* blue = planes.blue.data();
  for_each_pixel(planes.red.size(), [=](std::size_t i) MUSTER_BODY {
    const float base = grey(red[i], green[i], blue[i]) * (1.0F - factor);
    red[i] = cut(red[i] * factor + base);
    green[i] = cut(green[i] * factor + base);
    blue[i] = cut(blue[i] * factor + base);
  });
}

// A channel of a pixel of that hue: n = 5 for red, 3 for green, 1 for blue.
inline float hue_channel(float n, float hue, float high, float spread) {
  float k = n + hue;
  k = k >= 12.0F ? k - 12.0F : k;
  k = k >= 6.0F ? k - 6.0F : k;
  const float part = std::min(k, 4.0F - k);
  return high - spread * std::max(0.0F, std::min(part, 1.0F));
}

// Hue in sixths of the circle, [0, 6): 0 red, 2 green, 4 blue. Its place between them is the middle value's share of the spread.
// Then a channel at n = 5 (red), 3, 1 is value - spread * clamp(min(k, 4 - k), 0, 1) with k = (n + hue) mod 6.
void shift_hue(Planes& planes, float turns) {
  const float shift = (turns < 0 ? turns + 1 : turns) * 6.0F;
  float* red = planes.red.data();
  float* green = planes.green.data();
  float* blue = planes.blue.data();
  for_each_pixel(planes.red.size(), [=](std::size_t i) MUSTER_BODY {
    const float r = red[i], g = green[i], b = blue[i];
    const float high = std::max(r, std::max(g, b));
    const float low = std::min(r, std::min(g, b));
    const float spread = high - low;
    const float inverse = 1.0F / (spread > 0.0F ? spread : 1.0F);
    const float from_red = (g - b) * inverse + 6.0F;
    const float from_green = (b - r) * inverse + 2.0F;
    const float from_blue = (r - g) * inverse + 4.0F;
    const float hue = (high == r ? from_red : high == g ? from_green : from_blue) + shift;  // in [1, 13)
    red[i] = hue_channel(5.0F, hue, high, spread);
    green[i] = hue_channel(3.0F, hue, high, spread);
    blue[i] = hue_channel(1.0F, hue, high, spread);
  });
}

// A change that is not made has the factor or shift that changes nothing. Tosses follow those of the order.
void toss_each(ColorPlan& plan, double prob, const RandomSequence& random) {
  constexpr std::uint64_t kFirstToss = 8;
  const auto made = [&](ColorChange change) { return random.uniform(kFirstToss + static_cast<std::uint64_t>(change)) < prob; };
  plan.brightness = made(ColorChange::kBrightness) ? plan.brightness : 1;
  plan.contrast = made(ColorChange::kContrast) ? plan.contrast : 1;
  plan.saturation = made(ColorChange::kSaturation) ? plan.saturation : 1;
  plan.hue = made(ColorChange::kHue) ? plan.hue : 0;
  plan.active = plan.brightness != 1 || plan.contrast != 1 || plan.saturation != 1 || plan.hue != 0;
  const bool contrast_first = random.uniform(kFirstToss + 4) < 0.5;
  using enum ColorChange;
  plan.order = contrast_first ? std::array{kBrightness, kContrast, kSaturation, kHue}
                              : std::array{kBrightness, kSaturation, kHue, kContrast};
}

}  // namespace

ColorPlan draw_color(const ColorJitterOptions& options, const DrawKey& key) {
  const std::uint32_t site = static_cast<std::uint32_t>(AugmentOperation::kColor) * 32 + key.attempt;
  const RandomSequence random(key.seed, RandomStream::kAugment, site, key.sample_id, key.epoch);
  const auto factor = [&](std::uint64_t index, double range) {
    return random.uniform(index, std::max(0.0, 1 - options.strength * range), 1 + options.strength * range);
  };
  ColorPlan plan;
  plan.active = random.uniform(0) < options.prob;
  plan.brightness = factor(1, options.brightness);
  plan.contrast = factor(2, options.contrast);
  plan.saturation = factor(3, options.saturation);
  plan.hue = random.uniform(4, -options.strength * options.hue, options.strength * options.hue);
  if (options.per_operation) {
    toss_each(plan, options.prob, random);
    return plan;
  }
  for (std::size_t i = 3; i > 0; --i) {  // Fisher and Yates
    std::swap(plan.order[i], plan.order[std::min(static_cast<std::size_t>(random.uniform(4 + i) * static_cast<double>(i + 1)), i)]);
  }
  return plan;
}

void jitter_color(image::Image& image, const ColorPlan& plan) {
  check(image.channels == 3, "jitter_color: {} channels", image.channels);
  if (!plan.active || image.pixels.empty()) {
    return;
  }
  const std::size_t count = image.pixels.size() / 3;
  Planes planes = {std::vector<float>(count), std::vector<float>(count), std::vector<float>(count)};
  for (std::size_t i = 0; i < count; ++i) {
    planes.red[i] = image.pixels[3 * i];
    planes.green[i] = image.pixels[3 * i + 1];
    planes.blue[i] = image.pixels[3 * i + 2];
  }
  for (const ColorChange change : plan.order) {
    switch (change) {
      case ColorChange::kBrightness:
        scale_brightness(planes, static_cast<float>(plan.brightness));
        break;
      case ColorChange::kContrast:
        scale_contrast(planes, static_cast<float>(plan.contrast));
        break;
      case ColorChange::kSaturation:
        scale_saturation(planes, static_cast<float>(plan.saturation));
        break;
      case ColorChange::kHue:
        shift_hue(planes, static_cast<float>(plan.hue));
        break;
    }
  }
  const auto to_byte = [](float value) { return static_cast<std::uint8_t>(static_cast<int>(value + 0.5F)); };
  for (std::size_t i = 0; i < count; ++i) {
    image.pixels[3 * i] = to_byte(planes.red[i]);
    image.pixels[3 * i + 1] = to_byte(planes.green[i]);
    image.pixels[3 * i + 2] = to_byte(planes.blue[i]);
  }
}

}  // namespace muster::data
