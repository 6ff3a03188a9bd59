#include "io/source_scan.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "support/temporary_folder.hpp"

namespace muster::io {
namespace {

namespace fs = std::filesystem;
using muster::testing_support::TemporaryFolder;
using testing::ElementsAre;

void put(const fs::path& path) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << "x";
}

std::vector<std::string> keys_of(const Scan& scan) {
  std::vector<std::string> keys;
  for (const SourceFile& file : scan.files) {
    keys.push_back(file.key);
  }
  return keys;
}

TEST(ScanFolder, FindsTheNineExtensionsInAllSubfoldersSortedByBytes) {
  const TemporaryFolder folder;
  for (const char* name : {"b.JPG", "a/z.png", "a/c.tiff", "Z.webp", "notes.txt", ".hidden", "a.b/x.jpeg", "none", "a-b.bmp"}) {
    put(folder / name);
  }
  fs::create_directory_symlink(folder.path(), folder / "a" / "loop");
  fs::create_symlink(folder / "missing", folder / "broken.png");
  const Scan scan = scan_folder(folder.path(), kImageExtensions);
  EXPECT_THAT(keys_of(scan), ElementsAre("Z.webp", "a-b.bmp", "a.b/x.jpeg", "a/c.tiff", "a/z.png", "b.JPG"));
  EXPECT_EQ(scan.other_files, 4u);
  EXPECT_THROW((void)scan_folder(folder / "missing", kImageExtensions), ConfigError);
  EXPECT_THROW((void)scan_folder(folder / "notes.txt", kImageExtensions), ConfigError);
}

TEST(ScanFolder, LeavesOutWhatMusterKnowsOfLabelledFoldersAndTheFolderNamedByTheCaller) {
  const TemporaryFolder folder;
  for (const char* name : {"a.png", "_muster/overlays/a.png", "sub/_muster/b.png", "sub/b.png", "out/a.png"}) {
    put(folder / name);
  }
  EXPECT_THAT(keys_of(scan_folder(folder.path(), kImageExtensions)), ElementsAre("a.png", "out/a.png", "sub/b.png"));
  const fs::path roundabout = folder / "sub/../out";
  EXPECT_THAT(keys_of(scan_folder(folder.path(), kImageExtensions, roundabout)), ElementsAre("a.png", "sub/b.png"));
  EXPECT_THAT(keys_of(scan_folder(folder.path(), kImageExtensions, folder / "missing")), testing::SizeIs(3));
}

}  // namespace
}  // namespace muster::io
