#include "pack/label_notes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/manifest.hpp"
#include "pack/pack.hpp"
#include "pack/sources.hpp"

namespace muster::pack {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::message_of;
using testing_support::put;
using testing_support::Sources;

constexpr const char* kNotes =
    "classes: {7: road, 0: sky}\ncolors: {0: [1, 2, 3], 7: [4, 5, 6]}\nignore_classes: [255]\nvoid: 255\norientation: applied\n";

class LabelNotes : public testing::Test {
 protected:
  LabelNotes() {
    sources_.add_many(4);
    options_ = sources_.options();
    options_.classes.clear();
  }
  fs::path notes() const { return sources_.masks() / "_muster/classes.yaml"; }

  Sources sources_;
  PackOptions options_;
};

TEST_F(LabelNotes, TellTheClassesOfMasksThatComeWithThem) {
  EXPECT_THAT(message_of<ConfigError>([&] { (void)pack(options_); }), HasSubstr("bring no _muster/classes.yaml"));
  put(notes(), kNotes);
  put(sources_.masks() / "_muster/overlays/a/tile0.png", "no mask");
  const PackSummary summary = pack(options_);
  EXPECT_EQ(summary.splits.at(0).samples, 4u);
  EXPECT_TRUE(summary.notices.empty()) << summary.notices.at(0);
  const data::ClassList classes = data::read_manifest(sources_.out()).classes;
  EXPECT_THAT(classes.ids, ElementsAre(0, 7));
  EXPECT_THAT(classes.names, ElementsAre("sky", "road"));
  EXPECT_THAT(classes.colors.at(1), ElementsAre(4, 5, 6));
}

TEST_F(LabelNotes, AreFoundFromAPartOfTheFolderAndRefusedWhenTwoDiffer) {
  put(notes(), kNotes);
  EXPECT_EQ(label_notes(sources_.masks() / "a"), fs::absolute(notes()));
  EXPECT_EQ(label_notes(sources_.images()), std::nullopt);
  const fs::path others = sources_.path() / "others";
  put(others / "_muster/classes.yaml", "classes: {0: sea}\n");
  PackOptions options;
  options.out = sources_.out();
  options.data.train = {.images = sources_.images(), .masks = sources_.masks()};
  options.data.val = {.images = sources_.images(), .masks = others};
  EXPECT_THAT(message_of<ConfigError>([&] { (void)shared_label_notes(options); }), HasSubstr("name different classes"));
}

TEST_F(LabelNotes, SayThatTheMasksAreUprightUnlessTheUserSaysOtherwise) {
  EXPECT_EQ(orientation_of_masks(sources_.masks(), "auto"), "auto");
  put(notes(), kNotes);
  EXPECT_EQ(orientation_of_masks(sources_.masks(), "auto"), "apply");
  EXPECT_EQ(orientation_of_masks(sources_.masks(), "ignore"), "ignore");
  EXPECT_EQ(orientation_of_masks(sources_.images(), "auto"), "auto");
}

}  // namespace
}  // namespace muster::pack
