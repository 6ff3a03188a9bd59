#include "train/data_figures.hpp"

#include <gtest/gtest.h>

#include "data/tiny_dataset.hpp"

namespace muster::train {
namespace {

data::Sample upper_left(const data::Sample& sample, std::uint64_t, std::uint32_t) {
  data::Sample out{.id = sample.id, .image = image::Image(6, 6), .target = image::LabelMap(6, 6)};
  return out;
}

data::TransformOptions crops_of_6() {
  data::TransformOptions options;
  options.image_size = {6, 6};
  return options;
}

TEST(DataFigures, CountsWhatWasReadSinceItWasMade) {
  const data::TinyDataset packed(8, 1);
  const data::ShardReader reader = data::Dataset::open(packed.folder.path()).split("train");
  (void)reader.read(0);  // of somebody else, before
  data::Loader loader(reader, data::TrainClasses(data::tiny_classes()), data::decoding(upper_left), {},
                      {.threads = 1, .prefetch_batches = 1}, {.batch_size = 4, .height = 6, .width = 6});
  const data::ReadCounters before = loader.reads();
  const data::TrainTransform transform(crops_of_6());
  DataFigures figures(loader, transform);
  (void)loader.next();
  report::Record record;
  figures.add_step(loader.wait_s() + 3.0, record);
  EXPECT_EQ(record.find("data_wait"), loader.wait_s());
  EXPECT_DOUBLE_EQ(record.find("data/wait_share").value(), loader.wait_s() / (loader.wait_s() + 3.0));
  // At least the rest of this step, at most the next one too.
  EXPECT_GE(record.find("data/reads").value() + static_cast<double>(before.reads), 2 + 8);
  EXPECT_LE(record.find("data/reads").value(), 16);
  EXPECT_EQ(record.find("data/retries"), 0.0);
  EXPECT_EQ(record.find("data/crc_failures"), 0.0);
  EXPECT_EQ(record.find("data/cache_misses").value() + static_cast<double>(before.cache_misses), 1.0);  // the one shard of the set
  EXPECT_GE(record.find("data/cache_hits").value() + static_cast<double>(before.cache_hits), 2.0);
  EXPECT_EQ(record.find("data/cache_evictions"), 0.0);
  EXPECT_EQ(record.find("data/crops_without_class"), 0.0);
  for (const char* name : {"data/read_mb", "data/read_s"}) {
    EXPECT_TRUE(record.find(name).has_value()) << name;
  }
}

// The loader's copy of the transform counts into the one that is asked.
TEST(DataFigures, CountsCropsWithoutALearnedClass) {
  const data::TinyDataset packed(8, 1);
  const data::ShardReader reader = data::Dataset::open(packed.folder.path()).split("train");
  const data::TrainTransform transform(crops_of_6(), {false, false});  // nothing is learned
  data::Loader loader(reader, data::TrainClasses(data::tiny_classes()), transform, {}, {.threads = 1, .prefetch_batches = 1},
                      {.batch_size = 4, .height = 6, .width = 6});
  DataFigures figures(loader, transform);
  (void)loader.next();
  report::Record record;
  figures.add_step(1.0, record);
  EXPECT_GE(record.find("data/crops_without_class").value(), 4.0);
}

}  // namespace
}  // namespace muster::train
