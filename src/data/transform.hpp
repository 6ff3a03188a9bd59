// What training does to a sample before the model sees it: scale, crop, flip, turn, colour; then normalisation into a batch.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "data/sample.hpp"
#include "data/transform_options.hpp"

namespace muster::data {

// After this many retries a crop without a learned pixel is taken as it is (CONTRACTS 15).
inline constexpr std::uint32_t kCropRetries = 20;

// The result has crop_height x crop_width pixels and is a pure function of (sample, seed, epoch): threads and order change nothing.
// Copies share the counter. Any number of threads.
class TrainTransform {
 public:
  // learned[dense index]: does this class count as something to learn? Empty: every label but void does. Throws ConfigError.
  explicit TrainTransform(TransformOptions options, std::vector<bool> learned = {});

  Sample operator()(const Sample& sample, std::uint64_t seed, std::uint32_t epoch) const;

  int height() const { return options_.crop_height(); }
  int width() const { return options_.crop_width(); }
  // Samples taken without a learned pixel since this transform was made.
  std::uint64_t given_up() const { return given_up_->load(); }

 private:
  bool shows_a_learned_class(const image::LabelMap& labels) const;

  TransformOptions options_;
  std::vector<bool> learned_;
  std::shared_ptr<std::atomic<std::uint64_t>> given_up_ = std::make_shared<std::atomic<std::uint64_t>>(0);
};

// out[c, y, x] = (pixel / 255 - mean[c]) / std[c], in double, rounded once to float. `out_CHW` has room for all pixels. Mean and std of
// fewer channels than the image are repeated cyclically.
void normalise_into(const image::Image& image, float* out_CHW, std::span<const double> mean, std::span<const double> std);

}  // namespace muster::data
