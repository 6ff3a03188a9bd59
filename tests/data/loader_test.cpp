#include "data/loader.hpp"

#include <chrono>
#include <map>
#include <set>
#include <thread>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/evaluation_reader.hpp"
#include "data/sample_order.hpp"
#include "data/tiny_dataset.hpp"
#include "support/temporary_folder.hpp"

namespace muster::data {
namespace {

constexpr int kSide = 6;
constexpr std::uint64_t kSeed = 5;

// The upper left corner, and in its first pixel what the transform was given.
Sample corner(const Sample& sample, std::uint64_t seed, std::uint32_t epoch) {
  Sample out{.id = sample.id, .image = image::Image(kSide, kSide), .target = image::LabelMap(kSide, kSide)};
  for (int y = 0; y < kSide; ++y) {
    std::copy_n(sample.image.row(y), 3 * kSide, out.image.row(y));
    std::copy_n(sample.target.row(y), kSide, out.target.row(y));
  }
  out.image.pixels[0] = static_cast<std::uint8_t>(seed);
  out.image.pixels[1] = static_cast<std::uint8_t>(epoch);
  // So that samples end in another order than they began.
  std::this_thread::sleep_for(std::chrono::microseconds(100 * (sample.id % 3)));
  return out;
}

const NormalizeOptions kPlain = {.mean = {0, 0, 0}, .std = {1, 1, 1}};

BatchPlan plan_of(int batch_size, int micro_batches = 1) {
  return {.seed = kSeed, .batch_size = batch_size, .micro_batches = micro_batches, .height = kSide, .width = kSide};
}

std::vector<std::uint32_t> ids_of(const std::vector<Batch>& batches) {
  std::vector<std::uint32_t> ids;
  for (const Batch& batch : batches) {
    ids.insert(ids.end(), batch.ids.begin(), batch.ids.end());
  }
  return ids;
}

// Loaders on one data set of 11 samples.
class LoaderTest : public testing::Test {
 protected:
  std::unique_ptr<Loader> loader(const BatchPlan& plan, const LoaderOptions& options = {.threads = 2},
                                 SampleTransform transform = decoding(corner)) {
    return std::make_unique<Loader>(reader_, TrainClasses(tiny_classes(), ignored_), std::move(transform), kPlain, options, plan);
  }

  TinyDataset packed_{11, 3};
  ShardReader reader_ = Dataset::open(packed_.folder.path()).split("train");
  std::vector<std::int32_t> ignored_ = {4};  // dense index 1
};

TEST_F(LoaderTest, FollowsTheOrderOfSamplesOverEpochs) {
  const auto batches = loader(plan_of(4));
  std::uint64_t position = 0;
  for (int step = 0; step < 9; ++step) {  // 36 samples: more than three epochs
    const std::vector<Batch> micro = batches->next();
    ASSERT_EQ(micro.size(), 1U);
    for (const std::uint32_t id : micro[0].ids) {
      EXPECT_EQ(id, SampleOrder(11, kSeed, position / 11)(position % 11));
      ++position;
    }
    EXPECT_EQ(batches->position(), position);
    EXPECT_GE(batches->wait_s(), 0.0);
  }
  EXPECT_DOUBLE_EQ(batches->epoch(), 36.0 / 11.0);
}

TEST_F(LoaderTest, FillsImagesTargetsAndSizes) {
  const auto batches = loader(plan_of(5));
  for (int step = 0; step < 3; ++step) {
    const Batch batch = batches->next()[0];
    ASSERT_EQ(batch.images_BCHW.sizes(), at::IntArrayRef({5, 3, kSide, kSide}));
    ASSERT_EQ(batch.targets_BHW.sizes(), at::IntArrayRef({5, kSide, kSide}));
    ASSERT_EQ(batch.images_BCHW.scalar_type(), at::kFloat);
    ASSERT_EQ(batch.targets_BHW.scalar_type(), at::kInt);
    for (std::int64_t row = 0; row < 5; ++row) {
      const Sample stored = tiny_sample(batch.ids[static_cast<std::size_t>(row)]);
      EXPECT_EQ(batch.original_sizes[static_cast<std::size_t>(row)], std::pair(stored.image.height, stored.image.width));
      EXPECT_FLOAT_EQ(batch.images_BCHW[row][0][0][0].item<float>(), kSeed / 255.0F);
      EXPECT_FLOAT_EQ(batch.images_BCHW[row][1][0][0].item<float>(), static_cast<float>((5 * step + row) / 11) / 255.0F);
      for (int y = 0; y < kSide; ++y) {
        for (int x = y == 0 ? 1 : 0; x < kSide; ++x) {
          const std::uint16_t label = stored.target.row(y)[x];
          // 0 stays 0, ignored 1 becomes void, 2 moves up to 1
          EXPECT_EQ(batch.targets_BHW[row][y][x].item<int>(), label == 0 ? 0 : label == 2 ? 1 : -1);
          for (int c = 0; c < 3; ++c) {
            EXPECT_FLOAT_EQ(batch.images_BCHW[row][c][y][x].item<float>(), stored.image.row(y)[3 * x + c] / 255.0F);
          }
        }
      }
      EXPECT_EQ(batch.targets_BHW[row][0][0].item<int>(), -1);
    }
  }
}

TEST_F(LoaderTest, GivesTheSameWhateverTheThreadsAndThePrefetching) {
  const auto reference = loader(plan_of(7, 2), {.threads = 1, .prefetch_batches = 1});
  const auto other = loader(plan_of(7, 2), {.threads = 6, .prefetch_batches = 5});
  for (int step = 0; step < 12; ++step) {
    const std::vector<Batch> a = reference->next();
    const std::vector<Batch> b = other->next();
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t m = 0; m < a.size(); ++m) {
      EXPECT_EQ(a[m].ids, b[m].ids);
      EXPECT_TRUE(a[m].images_BCHW.equal(b[m].images_BCHW));
      EXPECT_TRUE(a[m].targets_BHW.equal(b[m].targets_BHW));
      EXPECT_EQ(a[m].original_sizes, b[m].original_sizes);
    }
  }
}

TEST_F(LoaderTest, CutsTheGlobalBatchOverRanksAndMicroBatches) {
  const std::vector<std::uint32_t> whole = ids_of(loader(plan_of(14))->next());
  std::vector<std::uint32_t> joined;
  for (int rank = 0; rank < 3; ++rank) {
    BatchPlan plan = plan_of(14, 2);
    plan.rank = rank;
    plan.world = 3;
    const auto part = loader(plan);
    const std::vector<Batch> micro = part->next();
    ASSERT_EQ(micro.size(), 2U);
    EXPECT_LE(micro[1].ids.size() - micro[0].ids.size(), 1U);
    const std::vector<std::uint32_t> ids = ids_of(micro);
    joined.insert(joined.end(), ids.begin(), ids.end());
    EXPECT_EQ(part->position(), 14U);
  }
  EXPECT_EQ(joined, whole);  // more samples than an epoch has
}

TEST_F(LoaderTest, GoesOnFromAPositionWithOtherRanksAndBatches) {
  std::map<std::uint32_t, int> shown;
  std::uint64_t position = 0;
  const auto take = [&](int batch_size, int world) {
    for (int rank = 0; rank < world; ++rank) {
      BatchPlan plan = plan_of(batch_size);
      plan.rank = rank;
      plan.world = world;
      plan.position = position;
      for (const std::uint32_t id : ids_of(loader(plan)->next())) {
        ++shown[id];
      }
    }
    position += static_cast<std::uint64_t>(batch_size);
  };
  take(3, 1);
  take(5, 2);
  take(2, 2);
  take(12, 5);  // ends exactly with the second epoch
  EXPECT_EQ(shown.size(), 11U);
  for (const auto& [id, times] : shown) {
    EXPECT_EQ(times, 2) << id;
  }
}

TEST_F(LoaderTest, SeeksToAPosition) {
  const auto straight = loader(plan_of(4));
  std::vector<std::vector<std::uint32_t>> steps;
  for (int step = 0; step < 6; ++step) {
    steps.push_back(ids_of(straight->next()));
  }
  for (const std::uint64_t step : {5U, 0U, 3U}) {
    straight->seek(4 * step);
    EXPECT_EQ(straight->position(), 4 * step);
    EXPECT_EQ(ids_of(straight->next()), steps[step]);
  }
}

TEST_F(LoaderTest, DropsTheTailWhereAsked) {
  const auto batches = loader(plan_of(4), {.threads = 2, .tail = "drop"});
  std::set<std::uint32_t> epoch;
  for (int step = 0; step < 2; ++step) {
    for (const std::uint32_t id : ids_of(batches->next())) {
      EXPECT_TRUE(epoch.insert(id).second);
    }
  }
  EXPECT_EQ(batches->position(), 8U);
  EXPECT_EQ(ids_of(batches->next())[0], SampleOrder(11, kSeed, 1)(0));
  EXPECT_EQ(batches->position(), 15U);
}

TEST_F(LoaderTest, RefusesBatchesThatCannotBeCut) {
  EXPECT_THROW((void)loader(plan_of(3, 4)), ConfigError);
  EXPECT_THROW((void)loader(plan_of(12), {.threads = 1, .tail = "drop"}), ConfigError);
  EXPECT_THROW((void)loader(plan_of(4), {.threads = 1, .tail = "ragged"}), ConfigError);
}

TEST_F(LoaderTest, BringsAnErrorOfAWorkerToNext) {
  const ManifestShard shard = packed_.manifest.splits.at("train").shards[0];
  const IndexColumns columns = read_columns(packed_.folder / shard.file);
  flip_byte(packed_.folder / shard.file, shard.payload_address + columns.image_offset[2] + 9);
  const auto batches = loader(plan_of(11), {.threads = 3});
  for (int call = 0; call < 2; ++call) {
    try {
      (void)batches->next();
      FAIL() << "a damaged image was taken";
    } catch (const DataError& error) {
      EXPECT_NE(std::string(error.what()).find("train-00000.h5: sample 2 (folder 0/image-002.png)"), std::string::npos) << error.what();
    }
  }
}

TEST_F(LoaderTest, RefusesAnImageWithoutMask) {
  const testing_support::TemporaryFolder folder;
  SampleRecord record = tiny_record(0);
  record.mask.clear();
  record.mask_codec = image::Codec::kNone;
  record.histogram.clear();
  pack_records(folder.path(), {record});
  const ShardReader reader = Dataset::open(folder.path()).split("train");
  EXPECT_TRUE(decode(reader.read(0)).target.values.empty());
  Loader batches(reader, TrainClasses(tiny_classes()), decoding(corner), kPlain, {.threads = 1}, plan_of(1));
  EXPECT_THROW((void)batches.next(), DataError);
}

TEST_F(LoaderTest, RefusesSamplesOfAnotherSize) {
  const auto batches =
      loader(plan_of(2), {.threads = 1}, decoding([](const Sample& sample, std::uint64_t, std::uint32_t) { return sample; }));
  EXPECT_THROW((void)batches->next(), InvariantError);
}

TEST_F(LoaderTest, EndsWhileBatchesAreBeingPrepared) {
  for (int round = 0; round < 5; ++round) {
    const auto batches = loader(plan_of(9), {.threads = 4, .prefetch_batches = 3});
    (void)batches->next();
  }
}

TEST(EvaluationReader, GivesEachSampleOnceInOrderWhateverTheRanks) {
  const TinyDataset packed(11, 3);
  const ShardReader reader = Dataset::open(packed.folder.path()).split("train");
  for (const int world : {1, 2, 3, 16}) {  // 16: some ranks get none
    SCOPED_TRACE(world);
    std::uint32_t next_id = 0;
    for (int rank = 0; rank < world; ++rank) {
      EvaluationReader samples(reader, {.threads = 3, .prefetch = 2, .rank = rank, .world = world});
      std::uint32_t count = 0;
      while (const std::optional<Sample> sample = samples.next()) {
        EXPECT_EQ(sample->id, next_id);
        EXPECT_EQ(sample->image, tiny_sample(next_id).image);
        EXPECT_EQ(sample->target, tiny_sample(next_id).target);
        ++next_id;
        ++count;
      }
      EXPECT_EQ(count, samples.size());
      EXPECT_FALSE(samples.next().has_value());
    }
    EXPECT_EQ(next_id, 11U);
  }
}

}  // namespace
}  // namespace muster::data
