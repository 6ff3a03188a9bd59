#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "pack/pack.hpp"
#include "pack/encode_sample.hpp"
#include "pack/sources.hpp"
#include "pack/verify.hpp"

namespace muster::pack {
namespace {

namespace fs = std::filesystem;

using testing::AllOf;
using testing::HasSubstr;
using testing_support::contents;
using testing_support::gradient;
using testing_support::labels;
using testing_support::message_of;
using testing_support::put;
using testing_support::Sources;

// Each must be refused with a sentence, and leave nothing behind.
class BadSources : public testing::Test {
 protected:
  template <class Error>
  std::string refusal(const PackOptions& options) {
    const std::string message = message_of<Error>([&] { pack(options); });
    EXPECT_FALSE(fs::exists(sources_.out())) << message;
    return message;
  }
  void truncate(const fs::path& file) { fs::resize_file(file, fs::file_size(file) * 2 / 3); }

  Sources sources_;
};

TEST_F(BadSources, AMaskWithAnUndeclaredValueStopsPackingWithFileValueAndPixels) {
  sources_.add_many(3);
  sources_.add_mask("a/tile0", labels(16, 24, [](int y, int x) { return y == 3 ? 9 : x == 0 && y == 0 ? 200 : 0; }));
  PackOptions options = sources_.options();
  const auto expected =
      AllOf(HasSubstr("masks/a/tile0.png"), HasSubstr("value 9 in 24 pixels, 200 in 1 pixels"), HasSubstr("classes.json"));
  EXPECT_THAT(refusal<UndeclaredValueError>(options), expected);
  options.on_error = "skip";
  options.max_skipped = 1;
  EXPECT_THAT(refusal<UndeclaredValueError>(options), expected);
}

TEST_F(BadSources, AllProblemsOfAllSplitsAreToldAtOnce) {
  sources_.add_many(13);
  for (int i = 0; i < 12; ++i) {
    fs::remove(sources_.masks() / ((i % 2 == 0 ? "a/tile" : "b/tile") + std::to_string(i) + ".png"));
  }
  sources_.add_mask("a/tile12", labels(5, 6, [](int, int) { return 0; }));
  const std::string message = refusal<DataError>(sources_.options());
  EXPECT_THAT(message,
              AllOf(HasSubstr("13 problems, nothing was written"), HasSubstr("a/tile0.jpg: no mask a/tile0.png"), HasSubstr("and 3 more")));
}

TEST_F(BadSources, AMaskOfAnotherSizeIsNamedWithBothSizes) {
  sources_.add_many(1);
  sources_.add_mask("a/tile0", labels(5, 6, [](int, int) { return 0; }));
  EXPECT_THAT(refusal<DataError>(sources_.options()),
              AllOf(HasSubstr("a/tile0.jpg"), HasSubstr("24 x 16"), HasSubstr("its mask 6 x 5"), HasSubstr("a/tile0.png")));
}

TEST_F(BadSources, ATruncatedJpegIsNamedAndNothingIsLeft) {
  sources_.add_many(4);
  truncate(sources_.images() / "b/tile1.jpg");
  EXPECT_THAT(refusal<DataError>(sources_.options()), HasSubstr("b/tile1.jpg"));
}

TEST_F(BadSources, FilesThatAreNoImagesAreNamedInThePreflight) {
  sources_.add_many(3);
  put(sources_.images() / "a/tile0.jpg", std::string_view("not an image"));
  put(sources_.images() / "b/tile1.jpg", std::string_view(""));
  put(sources_.masks() / "a/tile2.png", image::encode_jpeg(gradient(18, 24, 3), 90));
  EXPECT_THAT(refusal<DataError>(sources_.options()), AllOf(HasSubstr("a/tile0.jpg"), HasSubstr("b/tile1.jpg")));
}

TEST_F(BadSources, AColourMaskIsRefused) {
  sources_.add_many(1);
  put(sources_.masks() / "a/tile0.png", image::encode_png(gradient(16, 24, 3)));
  EXPECT_THAT(refusal<DataError>(sources_.options()), HasSubstr("masks/a/tile0.png"));
}

TEST_F(BadSources, MissingFoldersEmptyFoldersAndMissingKeysAreToldApart) {
  PackOptions options = sources_.options();
  EXPECT_THAT(refusal<ConfigError>(options), AllOf(HasSubstr("images"), HasSubstr("not there")));
  fs::create_directories(sources_.images());
  fs::create_directories(sources_.masks());
  EXPECT_THAT(refusal<DataError>(options), HasSubstr("no images among 0 files"));
  options.masks.clear();
  EXPECT_THAT(refusal<ConfigError>(options), HasSubstr("a split needs both"));
  options.images.clear();
  EXPECT_THAT(refusal<ConfigError>(options), HasSubstr("got neither"));
  options = sources_.options("../x");
  EXPECT_THAT(refusal<ConfigError>(options), HasSubstr("a split's name"));
  options = sources_.options();
  options.classes = sources_.path() / "missing.json";
  EXPECT_THAT(refusal<DataError>(options), HasSubstr("missing.json"));
}

TEST_F(BadSources, SkippingLeavesDamagedSamplesOutAndListsThemWithoutPathsOfThisMachine) {
  sources_.add_many(6);
  truncate(sources_.images() / "b/tile1.jpg");   // found when decoding
  fs::remove(sources_.masks() / "a/tile2.png");  // found in the pre-flight
  PackOptions options = sources_.options();
  options.on_error = "skip";
  options.max_skipped = 0.2;
  EXPECT_THAT(refusal<DataError>(options), HasSubstr("2 of 6 images cannot be packed, more than max_skipped=0.2"));
  options.max_skipped = 0.5;
  const PackSummary summary = pack(options);
  EXPECT_EQ(summary.splits.at(0).samples, 4u);
  EXPECT_EQ(summary.splits.at(0).skipped, 2u);
  const std::string list = read_file(sources_.out() / "skipped.csv");
  EXPECT_THAT(list, AllOf(testing::StartsWith("split,path,reason\ntrain,\"a/tile2.jpg\","), HasSubstr("train,\"b/tile1.jpg\",")));
  for (const auto& [name, bytes] : contents(sources_.out())) {
    EXPECT_EQ(bytes.find(sources_.path().string()), std::string::npos) << name;
  }
  EXPECT_TRUE(verify(sources_.out(), VerifyLevel::kDecode).problems.empty());
}

TEST_F(BadSources, AFailedSecondSplitLeavesTheFirstAsItWas) {
  sources_.add_many(3);
  pack(sources_.options("train"));
  const auto before = contents(sources_.out());
  truncate(sources_.images() / "b/tile1.jpg");
  EXPECT_THAT(message_of<DataError>([&] { pack(sources_.options("val")); }), HasSubstr("b/tile1.jpg"));
  EXPECT_EQ(contents(sources_.out()), before);
}

}  // namespace
}  // namespace muster::pack
