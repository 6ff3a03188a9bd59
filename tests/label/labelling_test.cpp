#include "label/labelling.hpp"

#include <csignal>
#include <functional>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>

#include <gmock/gmock.h>

#include "core/error.hpp"
#include "core/stop_flags.hpp"
#include "image/decode.hpp"
#include "io/value.hpp"
#include "label/merge.hpp"
#include "label/work_stream.hpp"
#include "label/label_fixture.hpp"

namespace muster::label::testing_support {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Throws at the n-th image: a worker that dies, as far as the others can see.
class DiesAt final : public RedModulo3 {
 public:
  explicit DiesAt(int image) : left_(image) {}
  std::vector<Predicted> push(std::size_t ticket, const image::Image& image) override {
    if (--left_ == 0) {
      throw std::runtime_error("killed");
    }
    return RedModulo3::push(ticket, image);
  }

 private:
  int left_;
};

class StopsAt final : public RedModulo3 {
 public:
  explicit StopsAt(int image) : left_(image) {}
  std::vector<Predicted> push(std::size_t ticket, const image::Image& image) override {
    if (--left_ == 0) {
      request_stop(SIGTERM);
    }
    return RedModulo3::push(ticket, image);
  }

 private:
  int left_;
};

TEST_F(LabellingTest, WritesClassIdsAtTheImagesSizeAndAJournalInOrderOfTheList) {
  add_photos(5);
  const LabelSummary summary = label(folder());
  EXPECT_EQ(summary.labelled, 5u);
  EXPECT_EQ(summary.failed, 0u);
  EXPECT_EQ(summary.own.labelled, 5u);
  for (const auto& [name, bytes] : masks(folder())) {
    const std::string text = read_file(photos() / name);
    const image::Image picture = image::decode_rgb(std::as_bytes(std::span(text)), name);
    const image::LabelMap mask = image::decode_labels(std::as_bytes(std::span(bytes)), name);
    ASSERT_EQ(std::pair(mask.height, mask.width), std::pair(picture.height, picture.width));
    for (std::size_t i = 0; i < mask.values.size(); ++i) {
      ASSERT_EQ(mask.values[i], three_classes().ids[picture.pixels[3 * i] % 3]) << name << " pixel " << i;
    }
  }
  std::vector<std::string> images;
  for (const std::string& line : lines(folder().merged_journal())) {
    const io::Value entry = io::parse_json(line, "journal");
    images.push_back(entry.at("image").as_string());
    EXPECT_EQ(entry.at("mask").as_string(), images.back());
    EXPECT_EQ(entry.at("bytes").as_uint(), fs::file_size(folder().out / images.back()));
  }
  EXPECT_THAT(images, ElementsAre("a/0.png", "a/2.png", "a/4.png", "b/1.png", "b/3.png"));
  EXPECT_FALSE(fs::exists(folder().failed()));
  EXPECT_TRUE(fs::is_empty(folder().temporaries()));
  EXPECT_EQ(std::distance(fs::recursive_directory_iterator(folder().overlays()), {}), 4) << "two pictures, in a/ and b/";
}

TEST_F(LabellingTest, StartedAgainSaysThatNothingIsLeft) {
  add_photos(4);
  (void)label(folder());
  const auto before = masks(folder());
  const LabelSummary again = label(folder());
  EXPECT_TRUE(again.was_finished);
  EXPECT_EQ(again.labelled, 4u);
  EXPECT_EQ(again.own.labelled, 0u);
  EXPECT_EQ(masks(folder()), before);
}

TEST_F(LabellingTest, GivesTheSameBytesAndEachImageOnceForAnyNumberOfWorkers) {
  add_photos(20);
  (void)label(folder());
  for (const int workers : {2, 3, 24}) {
    const LabelFolder in = folder("out" + std::to_string(workers));
    std::vector<LabelSummary> summaries(static_cast<std::size_t>(workers));
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < workers; ++i) {
        threads.emplace_back([&, i] { summaries[static_cast<std::size_t>(i)] = label(in, settings("-" + std::to_string(i))); });
      }
    }
    std::size_t committed = 0, found = 0;
    for (const LabelSummary& summary : summaries) {
      EXPECT_EQ(summary.labelled, 20u) << "every worker comes back when all is finished";
      committed += summary.own.labelled;
      found += summary.own.found;
    }
    EXPECT_EQ(committed, 20u);
    EXPECT_EQ(found, 0u) << "no worker did what another had claimed";
    EXPECT_EQ(masks(in), masks(folder())) << workers << " workers";
    EXPECT_THAT(lines(in.merged_journal()), testing::SizeIs(20));
  }
}

TEST_F(LabellingTest, GoesOnWhereWorkersDied) {
  add_photos(30);
  (void)label(folder());
  const LabelFolder in = folder("killed");
  for (const int image : {1, 2, 5, 7, 3}) {
    DiesAt predictor(image);
    EXPECT_THROW((void)label(in, settings("-" + std::to_string(image)), predictor), std::runtime_error);
    EXPECT_FALSE(fs::exists(in.merged_journal()));
  }
  EXPECT_EQ(label(in).labelled, 30u);
  EXPECT_EQ(masks(in), masks(folder()));
  EXPECT_THAT(lines(in.merged_journal()), testing::SizeIs(30));
}

TEST_F(LabellingTest, TakesOverFromAWorkerThatFellSilentAndLooksAtItsMasks) {
  add_photos(6);
  (void)label(folder());
  const LabelFolder in = folder("silent");
  const LabelPlan joined = plan(in);
  // It had claimed the first chunk, committed a mask, and written no line of it.
  WorkerIdentity silent = this_worker("-silent");
  silent.host = "elsewhere";
  put(in.claims() / (chunk_item(0) + ".claim.0"), to_json(silent));
  const std::string& mask = joined.list.images[0].mask;
  put(in.out / mask, masks(folder()).at(mask));
  put(in.journals() / (silent.name() + ".jsonl"), R"({"image":"a/0.pn)");  // torn

  const LabelSummary summary = label(in, settings("", 0.3));
  EXPECT_EQ(summary.labelled, 6u);
  EXPECT_EQ(summary.own.labelled, 5u);
  EXPECT_EQ(summary.own.found, 1u);
  EXPECT_GE(summary.seconds, 0.2) << "it waited for the end of the lease";
  EXPECT_EQ(masks(in), masks(folder()));
  EXPECT_THAT(lines(in.merged_journal()), testing::SizeIs(6));
}

TEST_F(LabellingTest, StopsOnASignalAfterTheImagesInWorkAndGoesOn) {
  add_photos(20);
  (void)label(folder());
  const LabelFolder in = folder("stopped");
  StopsAt predictor(4);
  const LabelSummary stopped = label(in, settings(), predictor);
  request_stop(0);
  EXPECT_TRUE(stopped.stopped);
  EXPECT_EQ(stopped.own.labelled, 4u);
  EXPECT_EQ(masks(in).size(), 4u);
  const LabelSummary rest = label(in, settings("-later"));
  EXPECT_EQ(rest.labelled, 20u);
  EXPECT_LT(rest.seconds, 30) << "nothing had to wait for a lease";
  EXPECT_EQ(masks(in), masks(folder()));
}

TEST_F(LabellingTest, ListsUnreadableImagesLabelsTheOthersAndTriesThemAgain) {
  add_photos(6);
  const std::string good = read_file(photos() / "b/3.png");
  put(photos() / "b/3.png", good.substr(0, good.size() / 2));
  put(photos() / "a/4.png", "");
  LabelSummary summary = label(folder());
  EXPECT_EQ(summary.labelled, 4u);
  EXPECT_EQ(summary.failed, 2u);
  EXPECT_THAT(lines(folder().failed()), ElementsAre("path,reason", HasSubstr("\"a/4.png\",\""), HasSubstr("\"b/3.png\",\"")));
  EXPECT_THAT(lines(folder().merged_journal()), testing::SizeIs(6));
  EXPECT_EQ(masks(folder()).size(), 4u);

  put(photos() / "b/3.png", good);
  summary = label(folder(), settings("-later"));
  EXPECT_FALSE(summary.was_finished);
  EXPECT_EQ(summary.labelled, 5u);
  EXPECT_EQ(summary.failed, 1u);
  EXPECT_EQ(summary.own.labelled, 1u);
  EXPECT_THAT(lines(folder().failed()), ElementsAre("path,reason", HasSubstr("a/4.png")));

  fs::remove(photos() / "a/4.png");
  EXPECT_THROW((void)label(folder()), ConfigError) << "another list";
}

TEST_F(LabellingTest, KeepsAMaskThatCameIntoBeingMeanwhile) {
  add_photos(1);
  (void)label(folder());
  const LabelFolder in = folder("raced");
  const LabelPlan joined = plan(in);
  const std::string& mask = joined.list.images[0].mask;
  // Committed by another worker while this one predicts.
  class Raced final : public RedModulo3 {
   public:
    explicit Raced(std::function<void()> other) : other_(std::move(other)) {}
    std::vector<Predicted> push(std::size_t ticket, const image::Image& image) override {
      other_();
      return RedModulo3::push(ticket, image);
    }

   private:
    std::function<void()> other_;
  };
  Raced predictor([&] { put(in.out / mask, masks(folder()).at(mask)); });
  const LabelSummary summary = label(in, settings(), predictor);
  EXPECT_EQ(summary.own.labelled, 0u);
  EXPECT_EQ(summary.own.found, 1u);
  EXPECT_EQ(lines(in.merged_journal()).size(), 1u);
}

TEST_F(LabellingTest, ReportsAMaskThatWasChangedByOthers) {
  add_photos(2);
  const LabelPlan joined = plan(folder());
  Journal(folder().journals(), "a").add({.image = "a/0.png", .mask = "a/0.png", .hash = "1", .bytes = 1, .error = {}, .worker = {}});
  try {
    (void)label(folder());
    FAIL() << "nothing was thrown";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("1 masks were changed"), HasSubstr("a/0.png"), HasSubstr("hash 1")));
  }
}

TEST_F(LabellingTest, LooksAgainAtImagesThatNoJournalKnows) {
  add_photos(6);
  (void)label(folder());
  // What a power failure may leave: chunks marked as done, but not the lines written before.
  for (const auto& journal : fs::directory_iterator(folder().journals())) {
    fs::resize_file(journal, fs::file_size(journal) / 2);
  }
  fs::remove(folder().claims() / "merge.done");
  fs::remove(folder().merged_journal());
  const LabelSummary summary = label(folder(), settings("-later"));
  EXPECT_EQ(summary.labelled, 6u);
  EXPECT_GE(summary.own.found, 3u);
  EXPECT_THAT(lines(folder().merged_journal()), testing::SizeIs(6));
}

TEST(ClassNotes, NeedSixteenBitsOnlyForIdsAbove254) {
  LabelledClasses classes = three_classes();
  EXPECT_EQ(classes.bit_depth(), 8);
  EXPECT_EQ(classes.void_value(), 255);
  classes.ids.back() = 254;
  EXPECT_EQ(classes.bit_depth(), 8);
  classes.ids.back() = 255;
  EXPECT_EQ(classes.bit_depth(), 16);
  EXPECT_EQ(classes.void_value(), 65535);
  const io::Value notes = io::parse_yaml(class_notes(classes), "notes");
  EXPECT_EQ(notes.at("classes").at("7").as_string(), "road");
  EXPECT_EQ(notes.at("colors").at("255").as_list().at(2).as_int(), 255);
  EXPECT_EQ(notes.at("orientation").as_string(), "applied");
  EXPECT_EQ(notes.at("ignore_classes").as_list().at(0).as_int(), 65535);
}

}  // namespace
}  // namespace muster::label::testing_support
