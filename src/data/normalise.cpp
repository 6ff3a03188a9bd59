#include "data/normalise.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "core/error.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace muster::data {
namespace {

#if defined(__x86_64__)

bool has_wide_multiply_add() noexcept {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

// Of eight RGB pixels in 24 bytes, one channel: a shuffle of bytes 0 to 15, another of bytes 8 to 23, and both together.
struct Deinterleave {
  __m128i front;
  __m128i back;
};

__attribute__((target("avx2,fma"))) inline Deinterleave deinterleave(int channel) {
  alignas(16) std::int8_t front[16], back[16];
  for (int i = 0; i < 16; ++i) {
    const int at = 3 * i + channel;
    front[i] = static_cast<std::int8_t>(i < 8 && at < 16 ? at : -1);
    back[i] = static_cast<std::int8_t>(i < 8 && at >= 16 ? at - 8 : -1);
  }
  return {_mm_load_si128(reinterpret_cast<const __m128i*>(front)), _mm_load_si128(reinterpret_cast<const __m128i*>(back))};
}

// Pixels [0, n) for the largest multiple n of 8 up to `count`; returns n.
__attribute__((target("avx2,fma"))) std::size_t by_eights(const std::uint8_t* pixels, std::size_t count, const double (&factors)[3],
                                                          const double (&shifts)[3], float* out) {
  std::size_t done = 0;
  const Deinterleave picks[3] = {deinterleave(0), deinterleave(1), deinterleave(2)};
  for (; done + 8 <= count; done += 8, pixels += 24) {
    const __m128i front = _mm_loadu_si128(reinterpret_cast<const __m128i*>(pixels));
    const __m128i back = _mm_loadu_si128(reinterpret_cast<const __m128i*>(pixels + 8));
    for (std::size_t c = 0; c < 3; ++c) {
      const __m128i bytes = _mm_or_si128(_mm_shuffle_epi8(front, picks[c].front), _mm_shuffle_epi8(back, picks[c].back));
      const __m256d factor = _mm256_set1_pd(factors[c]);
      const __m256d shift = _mm256_set1_pd(shifts[c]);
      const __m256d first = _mm256_cvtepi32_pd(_mm_cvtepu8_epi32(bytes));
      const __m256d second = _mm256_cvtepi32_pd(_mm_cvtepu8_epi32(_mm_srli_si128(bytes, 4)));
      float* to = out + c * count + done;
      _mm_storeu_ps(to, _mm256_cvtpd_ps(_mm256_fmadd_pd(first, factor, shift)));
      _mm_storeu_ps(to + 4, _mm256_cvtpd_ps(_mm256_fmadd_pd(second, factor, shift)));
    }
  }
  return done;
}

#else

bool has_wide_multiply_add() noexcept {
  return false;
}
std::size_t by_eights(const std::uint8_t*, std::size_t, const double (&)[3], const double (&)[3], float*) {
  return 0;
}

#endif

}  // namespace

Normaliser::Normaliser(std::span<const double> mean, std::span<const double> std) {
  check(!mean.empty() && mean.size() == std.size(), "Normaliser: {} means, {} stds", mean.size(), std.size());
  by_formula_ = has_wide_multiply_add();
  for (std::size_t c = 0; c < mean.size(); ++c) {
    Channel& channel = channels_.emplace_back();
    channel.factor = 1.0 / (255.0 * std[c]);
    channel.shift = -mean[c] / std[c];
    for (std::size_t v = 0; v < channel.values.size(); ++v) {
      channel.values[v] = static_cast<float>((static_cast<double>(v) / 255.0 - mean[c]) / std[c]);
      by_formula_ = by_formula_ && static_cast<float>(std::fma(static_cast<double>(v), channel.factor, channel.shift)) == channel.values[v];
    }
  }
}

void Normaliser::operator()(const image::Image& image, float* out_CHW) const {
  const auto channels = static_cast<std::size_t>(image.channels);
  const std::size_t plane = image.pixels.size() / channels;
  const auto channel = [&](std::size_t c) -> const Channel& { return channels_[c % channels_.size()]; };
  std::size_t done = 0;
  if (channels == 3 && by_formula_) {
    done = by_eights(image.pixels.data(), plane, {channel(0).factor, channel(1).factor, channel(2).factor},
                     {channel(0).shift, channel(1).shift, channel(2).shift}, out_CHW);
  }
  for (std::size_t c = 0; c < channels; ++c) {
    const std::array<float, 256>& values = channel(c).values;
    const std::uint8_t* pixel = image.pixels.data() + c;
    float* out = out_CHW + c * plane;
    for (std::size_t i = done; i < plane; ++i) {
      out[i] = values[pixel[i * channels]];
    }
  }
}

void normalise_into(const image::Image& image, float* out_CHW, std::span<const double> mean, std::span<const double> std) {
  Normaliser(mean, std)(image, out_CHW);
}

}  // namespace muster::data
