#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "pack/pack.hpp"
#include "pack/split_source.hpp"
#include "pack/sources.hpp"
#include "pack/verify.hpp"

namespace muster::pack {
namespace {

namespace fs = std::filesystem;

using testing::AllOf;
using testing::HasSubstr;
using testing_support::contents;
using testing_support::damage_inside;
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
  damage_inside(sources_.images() / "b/tile1.jpg");
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
  damage_inside(sources_.images() / "b/tile1.jpg");  // found when decoding
  fs::remove(sources_.masks() / "a/tile2.png");      // found in the pre-flight
  PackOptions options = sources_.options();
  options.on_error = "skip";
  options.max_skipped = 0.2;
  EXPECT_THAT(refusal<DataError>(options), HasSubstr("2 of 6 images cannot be packed, more than max_skipped=0.2;"));
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

TEST_F(BadSources, TenImagesMayAlwaysBeSkippedUnlessAShareIsGiven) {
  sources_.add_many(12);
  PackOptions options = sources_.options();
  options.on_error = "skip";
  for (int i = 0; i < 10; ++i) {
    fs::remove(sources_.masks() / ((i % 2 == 0 ? "a/tile" : "b/tile") + std::to_string(i) + ".png"));
  }
  options.max_skipped = 0.5;
  EXPECT_THAT(refusal<DataError>(options),
              AllOf(HasSubstr("10 of 12 images"), HasSubstr("max_skipped=0.5;"), HasSubstr("raise max_skipped")));
  options.max_skipped.reset();
  EXPECT_EQ(pack(options).splits.at(0).skipped, 10u);
  fs::remove_all(sources_.out());
  fs::remove(sources_.masks() / "a/tile10.png");
  EXPECT_THAT(refusal<DataError>(options), AllOf(HasSubstr("11 of 12 images"), HasSubstr("more than 10;")));
  EXPECT_EQ(most_skipped(options, 50'000), 50u);
}

TEST_F(BadSources, DamagedImagesAloneAreSkippedWithoutAskingForIt) {
  sources_.add_many(3);
  damage_inside(sources_.images() / "b/tile1.jpg");
  PackOptions options = sources_.options();
  options.task = "pretrain";
  options.masks = options.classes = "";
  options.on_error = "fail";
  EXPECT_THAT(refusal<DataError>(options), HasSubstr("b/tile1.jpg"));
  options.on_error = "auto";
  EXPECT_EQ(pack(options).splits.at(0).samples, 2u);
  EXPECT_THAT(read_file(sources_.out() / "skipped.csv"), HasSubstr("train,\"b/tile1.jpg\","));
  EXPECT_FALSE(skips_damaged(sources_.options()));
}

TEST_F(BadSources, AFailedSecondSplitLeavesTheFirstAsItWas) {
  sources_.add_many(3);
  pack(sources_.options("train"));
  const auto before = contents(sources_.out());
  damage_inside(sources_.images() / "b/tile1.jpg");
  EXPECT_THAT(message_of<DataError>([&] { pack(sources_.options("val")); }), HasSubstr("b/tile1.jpg"));
  EXPECT_EQ(contents(sources_.out()), before);
}

// --- sources that change while they are packed: `show` is called between the pre-flight and the first shard -----------------------------

class ChangingSources : public BadSources {
 protected:
  template <class Change>
  std::string refusal_after(Change change) {
    const auto solo = dist::make_solo_communicator();
    const std::string message = message_of<DataError>([&] { pack(sources_.options(), *solo, [&](const PreflightReport&) { change(); }); });
    EXPECT_FALSE(fs::exists(sources_.out())) << message;
    return message;
  }
};

TEST_F(ChangingSources, AFileThatVanishesIsNamed) {
  sources_.add_many(4);
  EXPECT_THAT(refusal_after([&] { fs::remove(sources_.images() / "b/tile1.jpg"); }),
              AllOf(HasSubstr("cannot open"), HasSubstr("b/tile1.jpg"), HasSubstr("No such file")));
}

TEST_F(ChangingSources, AFileThatGrowsIsNamedWithBothSizes) {
  sources_.add_many(4);
  const fs::path mask = sources_.masks() / "a/tile2.png";
  const auto bytes = fs::file_size(mask);
  EXPECT_THAT(refusal_after([&] { fs::resize_file(mask, bytes + 5); }),
              AllOf(HasSubstr("a/tile2.png"), HasSubstr(std::to_string(bytes + 5) + " bytes now"), HasSubstr(std::to_string(bytes))));
}

TEST_F(ChangingSources, AFileThatIsWrittenAgainIsNoticedByItsTime) {
  sources_.add_many(4);
  const fs::path image = sources_.images() / "b/tile3.jpg";
  EXPECT_THAT(refusal_after([&] { fs::last_write_time(image, fs::last_write_time(image) + std::chrono::seconds(3)); }),
              AllOf(HasSubstr("b/tile3.jpg"), HasSubstr("written to since packing began")));
}

// --- odd names and links ----------------------------------------------------------------------------------------------------------

TEST_F(BadSources, ADecompressionBombIsRefusedByItsHeader) {
  sources_.add_many(1);
  put(sources_.images() / "bomb.ppm", std::string_view("P6 60000 60000 255\nxxxx"));
  sources_.add_mask("bomb", labels(4, 4, [](int, int) { return 0; }));
  EXPECT_THAT(refusal<DataError>(sources_.options()), HasSubstr("bomb.ppm"));
}

TEST_F(BadSources, ALoopOfLinksIsSearchedOnce) {
  sources_.add_many(4);
  fs::create_directory_symlink(sources_.images(), sources_.images() / "a/again");
  fs::create_directory_symlink(sources_.masks() / "b", sources_.masks() / "b/loop");
  fs::create_symlink("nowhere", sources_.images() / "gone.jpg");
  const PackSummary summary = pack(sources_.options());
  EXPECT_EQ(summary.splits.at(0).samples, 4u);
}

TEST_F(BadSources, ANameThatIsNoUtf8IsRefused) {
  sources_.add_many(1);
  sources_.add("caf\xe9", 16, 16, 3);
  EXPECT_THAT(refusal<DataError>(sources_.options()), HasSubstr("not UTF-8"));
}

TEST_F(BadSources, ImagesThatShareAStemAreRefusedUntilTheyAreToldApart) {
  sources_.add("x", 16, 24, 3);
  put(sources_.images() / "x.png", image::encode_png(gradient(16, 24, 5)));
  EXPECT_THAT(refusal<DataError>(sources_.options()), AllOf(HasSubstr("x.jpg"), HasSubstr("x.png"), HasSubstr("on_collision")));
  fs::rename(sources_.masks() / "x.png", sources_.masks() / "x.jpg.png");
  sources_.add_mask("x.png", labels(16, 24, [](int, int) { return 7; }));
  PackOptions options = sources_.options();
  options.on_collision = "keep_extension";
  EXPECT_EQ(pack(options).splits.at(0).samples, 2u);
}

TEST_F(BadSources, OnlyTheExtensionsThatAreAskedForAreTaken) {
  sources_.add_many(3);
  put(sources_.images() / "scan.foo", image::encode_png(gradient(16, 24, 5)));
  sources_.add_mask("scan", labels(16, 24, [](int, int) { return 7; }));
  PackOptions options = sources_.options();
  options.extensions = {"foo"};
  EXPECT_EQ(pack(options).splits.at(0).samples, 1u);
  options.extensions = {".jpg"};
  EXPECT_THAT(message_of<ConfigError>([&] { pack(options); }), HasSubstr("letters behind the dot"));
}

// --- where nothing can be written --------------------------------------------------------------------------------------------------

TEST_F(BadSources, TwoPackersOnOneFolderAreToldApart) {
  sources_.add_many(2);
  fs::create_directories(sources_.out());
  const UniqueFd other(::open(sources_.out().c_str(), O_RDONLY | O_DIRECTORY));
  ASSERT_EQ(::flock(other.get(), LOCK_EX | LOCK_NB), 0);
  EXPECT_THAT(message_of<ConfigError>([&] { pack(sources_.options()); }), HasSubstr("another muster pack is writing there"));
  EXPECT_TRUE(fs::is_empty(sources_.out()));
}

// A file system of its own, where the test may mount one (root in a mount namespace of its own).
class Mount {
 public:
  Mount(const fs::path& folder, const std::string& size) : folder_(folder) {
    fs::create_directories(folder);
    mounted_ = ::mount("muster", folder.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
    // Whoever may not mount skips the test; anything else that stops a mount is a fault.
    EXPECT_TRUE(mounted_ || errno == EPERM || errno == EACCES) << std::strerror(errno);
  }
  ~Mount() {
    if (mounted_) {
      EXPECT_EQ(::umount(folder_.c_str()), 0);
    }
  }
  bool mounted() const { return mounted_; }
  bool read_only() { return ::mount("muster", folder_.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr) == 0; }

 private:
  fs::path folder_;
  bool mounted_ = false;
};

TEST_F(BadSources, ADiskThatIsTooSmallIsToldBeforeAnythingIsWritten) {
  const Mount disk(sources_.path() / "disk", "64k");
  if (!disk.mounted()) {
    GTEST_SKIP() << "this user may not mount a tmpfs; pack_test.cpp limits the size of files instead";
  }
  image::Image noise(200, 200);
  std::uint32_t state = 1;
  for (std::uint8_t& value : noise.pixels) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<std::uint8_t>(state >> 24);
  }
  put(sources_.images() / "z.png", image::encode_png(noise));
  sources_.add_mask("z", labels(200, 200, [](int, int) { return 7; }));
  EXPECT_THAT(message_of<OutputError>([&] { pack(sources_.options("train", "disk/packed")); }),
              AllOf(HasSubstr("the shards need about 0.1 MB"), HasSubstr("free there")));
  EXPECT_TRUE(fs::is_empty(sources_.path() / "disk"));
}

TEST_F(BadSources, AFileInTheWayOfTheFolderIsNamed) {
  sources_.add_many(2);
  put(sources_.path() / "file", std::string_view("x"));
  EXPECT_THAT(message_of<Error>([&] { pack(sources_.options("train", "file/packed")); }), HasSubstr("file/packed"));
}

TEST_F(BadSources, AFolderThatCannotBeWrittenIsNamed) {
  sources_.add_many(2);
  Mount disk(sources_.path() / "disk", "1m");
  if (!disk.mounted()) {
    GTEST_SKIP() << "this user may not mount a tmpfs";
  }
  ASSERT_TRUE(disk.read_only());
  EXPECT_THAT(message_of<OutputError>([&] { pack(sources_.options("train", "disk/packed")); }),
              AllOf(HasSubstr("disk/packed"), HasSubstr("Read-only file system")));
}

}  // namespace
}  // namespace muster::pack
