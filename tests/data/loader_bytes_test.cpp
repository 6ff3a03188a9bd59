// Augmented batches are the same bytes for any number of ranks and threads.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "data/loader.hpp"
#include "data/tiny_dataset.hpp"
#include "data/transform.hpp"

namespace muster::data {
namespace {

constexpr std::uint32_t kByteSamples = 11;
constexpr int kByteBatch = 8;
constexpr int kByteSteps = 6;  // 48 samples: four ends of epochs, none at the end of a batch

// Everything that draws, on.
TransformOptions all_operations() {
  TransformOptions options;
  options.image_size = {7, 7};
  options.random_flip.vertical_prob = 0.5;
  options.random_rotate_90.prob = 0.5;
  options.random_rotate.prob = 0.5;
  options.color_jitter.prob = 0.9;
  return options;
}

template <class T>
void append_bytes(std::string& bytes, const T* values, std::size_t count) {
  bytes.append(reinterpret_cast<const char*>(values), count * sizeof(T));
}

std::string bytes_of(const Batch& batch) {
  std::string bytes;
  append_bytes(bytes, batch.ids.data(), batch.ids.size());
  append_bytes(bytes, batch.images_BCHW.const_data_ptr<float>(), static_cast<std::size_t>(batch.images_BCHW.numel()));
  append_bytes(bytes, batch.targets_BHW.const_data_ptr<std::int32_t>(), static_cast<std::size_t>(batch.targets_BHW.numel()));
  for (const auto& [height, width] : batch.original_sizes) {
    append_bytes(bytes, &height, 1);
    append_bytes(bytes, &width, 1);
  }
  return bytes;
}

class LoaderBytesTest : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Loader> loader(int rank, int world, int threads, std::uint64_t position = 0) const {
    const TransformOptions options = all_operations();
    const TrainClasses classes(tiny_classes());
    return std::make_unique<Loader>(
        reader_, classes, TrainTransform(options, classes.learned()), options.normalize,
        LoaderOptions{.threads = threads, .sampling = GetParam()},
        BatchPlan{.seed = 9, .batch_size = kByteBatch, .rank = rank, .world = world, .height = 7, .width = 7, .position = position});
  }

  // By step and row of the global batch: ids, pixels, labels and sizes of one image.
  std::vector<std::string> all_rows(int world, int threads, std::uint64_t position = 0, int steps = kByteSteps) const {
    std::vector<std::string> rows;
    std::vector<std::unique_ptr<Loader>> ranks;
    for (int rank = 0; rank < world; ++rank) {
      ranks.push_back(loader(rank, world, threads, position));
    }
    for (int step = 0; step < steps; ++step) {
      for (const auto& rank : ranks) {
        for (const Batch& batch : rank->next()) {
          for (std::int64_t row = 0; row < batch.images_BCHW.size(0); ++row) {
            const auto at = static_cast<std::size_t>(row);
            rows.push_back(bytes_of({.images_BCHW = batch.images_BCHW[row].contiguous(),
                                     .targets_BHW = batch.targets_BHW[row].contiguous(),
                                     .ids = {batch.ids[at]},
                                     .original_sizes = {batch.original_sizes[at]}}));
          }
        }
      }
    }
    return rows;
  }

  TinyDataset packed_{kByteSamples, 3};
  ShardReader reader_ = Dataset::open(packed_.folder.path()).split("train");
};

TEST_P(LoaderBytesTest, AreTheSameForAnyRanksAndThreads) {
  const std::vector<std::string> reference = all_rows(1, 1);
  ASSERT_EQ(reference.size(), static_cast<std::size_t>(kByteBatch * kByteSteps));
  for (const int world : {1, 2, 3}) {
    for (const int threads : {1, 2, 4}) {
      EXPECT_TRUE(all_rows(world, threads) == reference) << world << " ranks, " << threads << " threads";
    }
  }
}

TEST_P(LoaderBytesTest, AreTheSameAfterAResumeWithOtherRanks) {
  const std::vector<std::string> reference = all_rows(1, 2);
  const std::vector<std::string> rest = all_rows(3, 2, 2 * kByteBatch, kByteSteps - 2);
  EXPECT_TRUE(rest == std::vector<std::string>(reference.begin() + 2 * kByteBatch, reference.end()));
}

// An image that is shown again looks different: in the next epoch, or drawn twice.
TEST_P(LoaderBytesTest, DifferEachTimeAnImageIsShown) {
  std::vector<std::string> rows = all_rows(1, 2);
  std::ranges::sort(rows);
  EXPECT_EQ(std::ranges::adjacent_find(rows), rows.end());
}

INSTANTIATE_TEST_SUITE_P(Sampling, LoaderBytesTest, testing::Values("uniform", "class_balanced"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace muster::data
