#include "label/image_list.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "support/temporary_folder.hpp"

namespace muster::label {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class ImageListTest : public testing::Test {
 protected:
  void put(const fs::path& name, const std::string& text = "x") {
    fs::create_directories((folder_.path() / name).parent_path());
    std::ofstream(folder_.path() / name) << text;
  }
  ImageList list(const fs::path& data, const fs::path& out = "out", bool keep_extension = false) const {
    return list_images(folder_.path() / data, folder_.path() / out, keep_extension);
  }
  // "key -> mask" of each
  static std::vector<std::string> names(const ImageList& list) {
    std::vector<std::string> names;
    for (const ListedImage& image : list.images) {
      EXPECT_TRUE(fs::exists(image.path)) << image.path;
      names.push_back(image.key + " -> " + image.mask);
    }
    return names;
  }
  template <class Error>
  std::string refusal(const fs::path& data, const fs::path& out = "out", bool keep_extension = false) const {
    try {
      (void)list(data, out, keep_extension);
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing of that kind was thrown";
  }

  muster::testing_support::TemporaryFolder folder_;
};

TEST_F(ImageListTest, TakesAFolderWithAllItsSubfolders) {
  for (const char* name : {"photos/b.JPG", "photos/sub/a.png", "photos/sub/deep/c.tiff", "photos/notes.txt"}) {
    put(name);
  }
  const ImageList found = list("photos");
  EXPECT_THAT(names(found), ElementsAre("b.JPG -> b.png", "sub/a.png -> sub/a.png", "sub/deep/c.tiff -> sub/deep/c.png"));
  EXPECT_EQ(found.other_files, 1u);
  EXPECT_EQ(names(list("photos/")), names(found));
  EXPECT_EQ(list("photos/").hash(), found.hash());
}

TEST_F(ImageListTest, TakesOneImageWhateverItsName) {
  put("photos/b.jpg");
  put("photos/odd.name");
  EXPECT_THAT(names(list("photos/b.jpg")), ElementsAre("b.jpg -> b.png"));
  EXPECT_THAT(names(list("photos/odd.name")), ElementsAre("odd.name -> odd.png"));
}

TEST_F(ImageListTest, TakesAListOfImagesAndFoldersBelowWhatTheyShare) {
  for (const char* name : {"data/a/1.jpg", "data/a/2.jpg", "data/b/sub/1.jpg", "elsewhere/3.jpg"}) {
    put(name);
  }
  const std::string root = folder_.path().string();
  put("list.txt", root + "/data/b\r\n\n" + root + "/data/a/2.jpg\n" + root + "/data/b/sub/1.jpg\n");
  EXPECT_THAT(names(list("list.txt")), ElementsAre("a/2.jpg -> a/2.png", "b/sub/1.jpg -> b/sub/1.png")) << "1.jpg is named twice";
  put("list.txt", root + "/data/a/1.jpg\n" + root + "/missing.jpg");
  EXPECT_THAT(refusal<ConfigError>("list.txt"), HasSubstr("list.txt:2: there is no " + root + "/missing.jpg"));
}

TEST_F(ImageListTest, KeepsEqualNamesApartOnlyWhenAsked) {
  for (const char* name : {"p/x.jpg", "p/x.png", "p/sub/x.jpg", "p/y.png"}) {
    put(name);
  }
  EXPECT_THAT(refusal<DataError>("p"), testing::AllOf(HasSubstr("x.jpg and x.png"), HasSubstr("on_collision=keep_extension")));
  EXPECT_THAT(names(list("p", "out", true)),
              ElementsAre("sub/x.jpg -> sub/x.png", "x.jpg -> x.jpg.png", "x.png -> x.png.png", "y.png -> y.png"));
  put("p/x.jpg.bmp");  // its mask would be x.jpg.png too
  EXPECT_THAT(refusal<DataError>("p", "out", true), HasSubstr("would share the mask x.jpg.png"));
}

TEST_F(ImageListTest, NeverTakesMasksForImages) {
  put("p/a.jpg");
  put("p/labels/a.png");
  put("p/_muster/overlays/a.png");
  EXPECT_THAT(names(list("p", "p/labels")), ElementsAre("a.jpg -> a.png"));
  EXPECT_THAT(refusal<ConfigError>("p", "p"), HasSubstr("the folder of the images itself"));
  EXPECT_THAT(refusal<ConfigError>("p/a.jpg", "p"), HasSubstr("the folder of the images itself"));
}

TEST_F(ImageListTest, RefusesNothingAndNamesThatNoJournalCanHold) {
  put("p/notes.txt");
  EXPECT_THAT(refusal<ConfigError>("p"), HasSubstr("no images among 1 files"));
  put("p/\xff.jpg");
  EXPECT_THAT(refusal<DataError>("p"), HasSubstr("not UTF-8"));
}

TEST_F(ImageListTest, HashesNamesAlone) {
  put("p/a.jpg");
  put("q/a.jpg", "mended");
  put("r/b.jpg");
  EXPECT_EQ(list("p").hash(), list("q").hash());
  EXPECT_NE(list("p").hash(), list("r").hash());
}

}  // namespace
}  // namespace muster::label
