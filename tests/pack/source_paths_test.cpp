#include "pack/source_paths.hpp"

#include <gtest/gtest.h>

namespace muster::pack {
namespace {

namespace fs = std::filesystem;

TEST(FullPaths, GivesWhatTheFileSystemLibraryGives) {
  FullPaths full;
  for (const char* path : {"a.jpg", "./a.jpg", "x/a.jpg", "x//a.jpg", "x/../a.jpg", "../../a.jpg", "/a.jpg", "//a.jpg", "/x/./y/a.jpg",
                           "/x/../../a.jpg", "x/..", ".", "x/", "/", "x/.a", "x/..a", "/x y/ä.jpg"}) {
    EXPECT_EQ(full.of(path), full_path(path)) << path;
    EXPECT_EQ(full.of(path), full_path(path)) << path << ", its folder known by now";
  }
  EXPECT_EQ(full.of("a.jpg"), (fs::current_path() / "a.jpg").native());
}

TEST(SharedFolder, IsTheDeepestThatHoldsAll) {
  const auto shared = [](std::vector<std::string> folders) { return shared_folder(folders); };
  EXPECT_EQ(shared({}), "");
  EXPECT_EQ(shared({"/a/b"}), "/a/b");
  EXPECT_EQ(shared({"/a/b", "/a/b/c/d"}), "/a/b");
  EXPECT_EQ(shared({"/a/b/c", "/a/bc"}), "/a");
  EXPECT_EQ(shared({"/a/b/c", "/a/b/d", "/x"}), "/");
  EXPECT_EQ(shared({"/", "/a"}), "/");
}

TEST(PathFrom, GoesUpWhereItMust) {
  EXPECT_EQ(path_from("/a/b/c.jpg", "/a"), "b/c.jpg");
  EXPECT_EQ(path_from("/c.jpg", "/"), "c.jpg");
  EXPECT_EQ(path_from("/ab/c.jpg", "/a"), "../ab/c.jpg");
  EXPECT_EQ(folder_of_file("/a/b.jpg"), "/a");
  EXPECT_EQ(folder_of_file("/b.jpg"), "/");
}

}  // namespace
}  // namespace muster::pack
