#include "io/source_scan.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

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

TEST(ScanFolder, LeavesOutDotFoldersAndWhatMacOsWritesBesideFilesButNoOtherDotFile) {
  const TemporaryFolder folder;
  for (const char* name : {".hidden.jpg", "._a.jpg", "a.jpg", ".git/a.jpg", "sub/.ipynb_checkpoints/b.jpg", "sub/.thumbs/c/d.jpg", "sub/._b.jpg"}) {
    put(folder / name);
  }
  fs::create_directory_symlink(folder / "sub", folder / ".link");
  const Scan scan = scan_folder(folder.path(), kImageExtensions);
  EXPECT_THAT(keys_of(scan), ElementsAre(".hidden.jpg", "a.jpg"));
  EXPECT_EQ(scan.other_files, 2u);
  EXPECT_THAT(keys_of(scan_folder(folder / ".git", kImageExtensions)), ElementsAre("a.jpg")) << "the folder that the caller names is searched";
}

// A tree of 600 files in folders of all sizes, with links to files, to folders beside and to folders above.
void grow(const TemporaryFolder& folder) {
  std::mt19937 random(7);
  const char* extensions[] = {"jpg", "PNG", "txt", "tif"};
  for (int i = 0; i < 600; ++i) {
    fs::path path = folder.path();
    for (unsigned depth = random() % 4; depth > 0; --depth) {
      path /= "d" + std::to_string(random() % 3);
    }
    put(path / ("f" + std::to_string(i) + "." + extensions[random() % 4]));
  }
  fs::create_directory_symlink(folder.path(), folder / "d0/up");
  fs::create_directory_symlink(folder / "d1", folder / "d2/beside");
  fs::create_symlink(folder / "d2/f0.jpg", folder / "d1/maybe.jpg");
  put(folder / "aim.jpg");
  fs::create_symlink(folder / "aim.jpg", folder / "link.jpg");
  fs::create_symlink("circle.jpg", folder / "circle.jpg");
  ::mkfifo((folder / "pipe.png").c_str(), 0600);
}

// The rules written down once more, in one thread and with a question per entry.
void walk(const fs::path& path, const std::string& key, std::vector<fs::path> above, std::vector<SourceFile>& files, std::size_t& others) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    ++others;
  } else if (S_ISDIR(status.st_mode)) {
    const fs::path real = fs::canonical(path);
    if (std::find(above.begin(), above.end(), real) != above.end()) {
      return;
    }
    above.push_back(real);
    for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
      walk(entry.path(), (key.empty() ? "" : key + "/") + entry.path().filename().string(), above, files, others);
    }
  } else if (S_ISREG(status.st_mode) && has_extension(key, kImageExtensions)) {
    files.push_back({.key = key,
                     .path = path,
                     .bytes = static_cast<std::uint64_t>(status.st_size),
                     .mtime_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec});
  } else {
    ++others;
  }
}

void expect_equal(const Scan& scan, const std::vector<SourceFile>& files, std::size_t others) {
  ASSERT_EQ(scan.files.size(), files.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    EXPECT_EQ(scan.files[i].key, files[i].key);
    EXPECT_EQ(scan.files[i].path, files[i].path);
    EXPECT_EQ(scan.files[i].bytes, files[i].bytes);
    EXPECT_EQ(scan.files[i].mtime_ns, files[i].mtime_ns);
  }
  EXPECT_EQ(scan.other_files, others);
}

TEST(ScanFolder, GivesTheSameForAnyNumberOfThreadsAsAWalkThatAsksForEveryEntry) {
  const TemporaryFolder folder;
  grow(folder);
  std::vector<SourceFile> files;
  std::size_t others = 0;
  walk(folder.path(), "", {}, files, others);
  std::sort(files.begin(), files.end(), [](const SourceFile& a, const SourceFile& b) { return a.key < b.key; });
  ASSERT_GT(files.size(), 400u);
  ASSERT_GT(others, 100u);
  for (const int threads : {1, 2, 3, 8}) {
    SCOPED_TRACE(threads);
    expect_equal(scan_folder(folder.path(), kImageExtensions, {}, threads), files, others);
  }
}

TEST(ScanFolder, IsMadeOfAListAndLookUpsThatRanksShare) {
  const TemporaryFolder folder;
  grow(folder);
  const Scan whole = scan_folder(folder.path(), kImageExtensions);
  Scan parts = list_folder(folder.path(), kImageExtensions);
  const std::size_t half = parts.files.size() / 2;
  EXPECT_EQ(parts.files[half].mtime_ns, kNotLookedUp);
  look_up(std::span(parts.files).subspan(half));
  EXPECT_EQ(parts.files[0].mtime_ns, kNotLookedUp);
  look_up(std::span(parts.files).first(half), 1);
  drop_missing(parts);
  expect_equal(parts, whole.files, whole.other_files);
}

// Also where a link leads from what one rank reads to what another has read, and where the caller leaves a folder out.
TEST(ScanFolder, IsMadeOfPartsThatRanksListEachForItself) {
  const TemporaryFolder folder;
  grow(folder);
  put(folder / "d1-/a.jpg");  // '-' comes before '/': these stand before the files of d1
  for (const fs::path& except : {fs::path(), folder / "d0/d1"}) {
    const Scan whole = list_folder(folder.path(), kImageExtensions, except);
    for (const std::size_t enough : {0, 1, 2, 5, 20, 1000}) {
      SCOPED_TRACE(enough);
      ListingBegun begun = begin_listing(folder.path(), kImageExtensions, except, enough);
      EXPECT_TRUE(enough == 1000 ? begun.waiting.empty() : begun.waiting.size() >= enough);
      Scan scan = std::move(begun.found);
      const auto upper = static_cast<std::ptrdiff_t>(scan.files.size());
      const std::span<const std::string> waiting(begun.waiting);
      for (const std::span<const std::string> part : {waiting.first(waiting.size() / 3), waiting.subspan(waiting.size() / 3)}) {
        Scan below = list_below(folder.path(), part, kImageExtensions, except, 2);
        scan.other_files += below.other_files;
        std::move(below.files.begin(), below.files.end(), std::back_inserter(scan.files));
      }
      EXPECT_TRUE(std::is_sorted(scan.files.begin() + upper, scan.files.end(), [](const auto& a, const auto& b) { return a.key < b.key; }));
      std::ranges::inplace_merge(scan.files, scan.files.begin() + upper, {}, &SourceFile::key);
      expect_equal(scan, whole.files, whole.other_files);
    }
  }
}

TEST(ScanFolder, CountsAFileThatVanishesBetweenListAndLookUpAsNoImage) {
  const TemporaryFolder folder;
  put(folder / "a/gone.jpg");
  put(folder / "b.jpg");
  put(folder / "c.jpg");
  Scan scan = list_folder(folder.path(), kImageExtensions);
  fs::remove_all(folder / "a");
  fs::remove(folder / "c.jpg");
  look_up(scan.files);
  drop_missing(scan);
  EXPECT_THAT(keys_of(scan), ElementsAre("b.jpg"));
  EXPECT_EQ(scan.other_files, 2u);
}

// No folder can be opened when no descriptor is free: an error that root meets too.
TEST(ScanFolder, NamesTheFolderThatCannotBeRead) {
  const TemporaryFolder folder;
  put(folder / "one/a.jpg");
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const int first_free = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::close(first_free);
  rlimit none_free = before;
  none_free.rlim_cur = static_cast<rlim_t>(first_free);
  ::setrlimit(RLIMIT_NOFILE, &none_free);
  std::string text;
  try {
    (void)scan_folder(folder.path(), kImageExtensions);
  } catch (const DataError& error) {
    text = error.what();
  }
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_THAT(text, testing::HasSubstr("cannot read the folder " + folder.path().string() + ": "));
}

TEST(ScanFolder, KeepsNamesThatAreNoUtf8ByteByByte) {
  const TemporaryFolder folder;
  put(folder / "\xff\xfe" / "\xe9.jpg");
  EXPECT_THAT(keys_of(scan_folder(folder.path(), kImageExtensions)), ElementsAre("\xff\xfe/\xe9.jpg"));
}

}  // namespace
}  // namespace muster::io
