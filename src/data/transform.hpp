// What training does to a sample before the model sees it: scale, crop, flip, turn, colour.
//
// Where to cut is drawn from the sizes that the index knows. So labels are looked at before the image is touched, and of a stored image
// only the part that the crop shows is decoded. Both ways in, a stored sample and a decoded one, give the same bytes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "data/normalise.hpp"
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

  // `where` names the sample in errors: DataError for damage that the crop lets be seen, or a size that is not the index's.
  Sample operator()(const EncodedSample& stored, std::string_view where, std::uint64_t seed, std::uint32_t epoch) const;
  Sample operator()(const Sample& sample, std::uint64_t seed, std::uint32_t epoch) const;

  int height() const { return options_.crop_height(); }
  int width() const { return options_.crop_width(); }
  // Samples taken without a learned pixel since this transform was made.
  std::uint64_t given_up() const { return given_up_->load(); }

 private:
  template <class Source>
  Sample apply(const Source& source, std::uint64_t seed, std::uint32_t epoch) const;
  bool shows_a_learned_class(const Sample& crop, std::uint16_t void_label) const;

  TransformOptions options_;
  std::vector<bool> learned_;
  std::shared_ptr<std::atomic<std::uint64_t>> given_up_ = std::make_shared<std::atomic<std::uint64_t>>(0);
};

}  // namespace muster::data
