// Every form of sources through pack(), on one rank and on three, and read back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/manifest.hpp"
#include "data/shard_writer.hpp"
#include "dist/thread_ranks.hpp"
#include "pack/pack.hpp"
#include "pack/sources.hpp"
#include "pack/verify.hpp"

namespace muster::pack {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::contents;
using testing_support::gradient;
using testing_support::message_of;
using testing_support::put;

class SourceForms : public testing::Test {
 protected:
  SourceForms() {
    options_.out = at("alone");
    options_.shard_bytes = 1500;
    options_.split = "val";  // stays in the order of keys
    options_.threads = 1;
    int shade = 0;
    for (const char* key : {"images/cat/1.jpg", "images/cat/in/2.jpg", "images/dog/1.jpg", "images/dog/3.jpg", "images/emu/1.jpg"}) {
      put(folder_ / key, image::encode_jpeg(gradient(20, 24, shade += 20), 90));
    }
  }
  std::string at(const std::string& name) const { return folder_ / name; }

  // Packs on one rank and on three, compares the bytes, verifies, and reads the joined index.
  data::IndexColumns packed() {
    PackOptions over = options_;
    over.out = at("over");
    fs::remove_all(options_.out);
    fs::remove_all(over.out);
    summary_ = pack(options_);
    dist::run_thread_ranks(3, [&](dist::Communicator& world) { pack(over, world); });
    EXPECT_EQ(contents(options_.out), contents(over.out));
    for (const VerifyProblem& problem : verify(options_.out, VerifyLevel::kDecode).problems) {
      ADD_FAILURE() << problem.text();
    }
    return data::read_columns(fs::path(options_.out) / "index-val.h5");
  }
  // "key=label,label"
  static std::vector<std::string> labels(const data::IndexColumns& index) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < index.size(); ++i) {
      const std::vector<std::int32_t> labels = index.label.empty() ? data::labels_of(index, i) : std::vector{index.label[i]};
      texts.push_back(fmt::format("{}={}", index.key[i], fmt::join(labels, ",")));
    }
    return texts;
  }

  muster::testing_support::TemporaryFolder folder_;
  PackOptions options_;
  PackSummary summary_;
};

TEST_F(SourceForms, PacksAFolderPerClass) {
  options_.task = "image_classification";
  options_.images = at("images");
  const data::IndexColumns index = packed();
  EXPECT_THAT(labels(index), ElementsAre("cat/1.jpg=0", "cat/in/2.jpg=0", "dog/1.jpg=1", "dog/3.jpg=1", "emu/1.jpg=2"));
  EXPECT_THAT(index.labels_ptr, IsEmpty());
  EXPECT_THAT(data::read_manifest(options_.out).classes.names, ElementsAre("cat", "dog", "emu"));
  EXPECT_GT(summary_.splits.at(0).shards, 1u);
}

TEST_F(SourceForms, PacksTablesOfSeveralLabelsAndSeesWhenALabelChanges) {
  options_.task = "image_classification";
  options_.classification_task = "multilabel";
  options_.data.classes = io::Value::map({{"3", "cat"}, {"5", "dog"}, {"8", "small"}});
  options_.csv = at("t.csv");
  put(options_.csv, "image_path,label\nimages/emu/1.jpg,small\nimages/dog/1.jpg,\"small,dog\"\nimages/dog/1.jpg,\"dog,small\"\n");
  const data::IndexColumns index = packed();
  EXPECT_THAT(labels(index), ElementsAre("images/dog/1.jpg=1,2", "images/emu/1.jpg=2"));
  EXPECT_THAT(index.label, IsEmpty());
  EXPECT_THAT(summary_.notices, testing::Contains(HasSubstr("name an image again with the same labels")));
  EXPECT_TRUE(pack(options_).splits.at(0).was_there);
  put(options_.csv, "image_path,label\nimages/emu/1.jpg,small\nimages/dog/1.jpg,dog\n");
  EXPECT_THAT(message_of<ConfigError>([&] { pack(options_); }), HasSubstr("from other sources or settings"));
}

TEST_F(SourceForms, TellsBadLinesOfATableBeforeAnythingIsWritten) {
  options_.task = "image_classification";
  options_.csv = at("t.csv");
  options_.data.classes = io::Value::map({{"0", "cat"}});
  put(options_.csv, "images/cat/1.jpg,cat\nimages/cat/none.jpg,cat\nimages/dog/1.jpg,dgo\n");
  EXPECT_THAT(message_of<DataError>([&] { pack(options_); }),
              testing::AllOf(HasSubstr("2 problems, nothing was written"), HasSubstr("t.csv:2: there is no image"),
                             HasSubstr("t.csv:3: images/dog/1.jpg: unknown class name \"dgo\"")));
  EXPECT_FALSE(fs::exists(options_.out));
  put(options_.csv, "images/cat/1.jpg,cat\nimages/cat/none.jpg,cat\n");
  options_.on_error = "skip";
  options_.max_skipped = 0.5;
  EXPECT_THAT(labels(packed()), ElementsAre("images/cat/1.jpg=0"));
  const std::string skipped = read_file(fs::path(options_.out) / "skipped.csv");
  EXPECT_THAT(skipped, HasSubstr("val,\"images/cat/none.jpg\",\"t.csv:2: there is no image images/cat/none.jpg\""));
}

TEST_F(SourceForms, PacksImagesAloneFromListsAndFolders) {
  options_.task = "pretrain";
  put(folder_ / "list.txt", at("images/dog") + "\n" + at("images/cat/1.jpg") + "\n");
  options_.images = at("list.txt") + "\n" + at("images/emu/1.jpg");
  const data::IndexColumns index = packed();
  EXPECT_THAT(labels(index), ElementsAre("cat/1.jpg=", "dog/1.jpg=", "dog/3.jpg=", "emu/1.jpg="));
  EXPECT_THAT(index.label, IsEmpty());
  EXPECT_THAT(index.mask_size, testing::Each(0u));
  EXPECT_EQ(summary_.classes, 0u);
  EXPECT_THAT(index.height, testing::Each(20u));
}

TEST_F(SourceForms, PacksMasksInColorByAPatternAsTheSameMasksInNumbers) {
  const auto value = [](int y, int x) { return (x / 5 + y / 3) % 3; };
  for (const char* key : {"cat/1", "cat/in/2", "dog/1", "dog/3", "emu/1"}) {
    const image::LabelMap map = testing_support::labels(20, 24, value);
    image::Image color(20, 24);
    for (std::size_t i = 0; i < map.values.size(); ++i) {
      color.pixels[3 * i] = static_cast<std::uint8_t>(100 * map.values[i]);
      color.pixels[3 * i + 2] = 7;
    }
    put(folder_ / ("numbers/" + std::string(key) + ".png"), image::encode_png_labels(map, 8));
    put(folder_ / ("images/" + std::string(key) + "_mask.png"), image::encode_png(color));
  }
  options_.images = at("images");
  options_.masks = "{image_path.parent}/{image_path.stem}_mask.png";
  options_.data.classes = io::parse_yaml("{0: {name: a, labels: [[0, 0, 7], [200, 0, 7]]}, 1: {name: b, labels: [[100, 0, 7]]}}", "");
  const std::string in_color = data::fingerprint(packed());
  for (const char* key : {"cat/1", "cat/in/2", "dog/1", "dog/3", "emu/1"}) {
    fs::remove(folder_ / ("images/" + std::string(key) + "_mask.png"));
  }
  options_.masks = at("numbers");
  options_.data.classes = io::parse_yaml("{0: {name: a, labels: [0, 2]}, 1: b}", "");
  const data::IndexColumns index = packed();
  EXPECT_EQ(index.size(), 5u);
  EXPECT_EQ(data::fingerprint(index), in_color);
  EXPECT_EQ(index.class_ptr.at(1), 2u);
}

}  // namespace
}  // namespace muster::pack
