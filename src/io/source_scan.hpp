// Which files lie in a folder of images or masks.
//
// On a shared file system a search costs what its metadata operations cost. So a folder is opened and read once, its entries' types
// come with their names, and only a wanted file is asked for size and time, relative to its open folder; several threads keep
// that many operations in flight.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace muster::io {

struct SourceFile {
  std::string key;  // path relative to the root, '/' between parts
  std::filesystem::path path;
  std::uint64_t bytes = 0;
  std::int64_t mtime_ns = 0;  // since the epoch of the system
  std::int64_t ctime_ns = 0;  // of the last change, also of one that set mtime back; 0 where a rank was told by another
};

struct Scan {
  std::vector<SourceFile> files;  // ascending by the bytes of the key
  std::size_t other_files = 0;    // with another extension, "._" files, links to nowhere, and what is no file
};

// Where Muster keeps what it knows of a labelled folder. It is never searched: overlays are no data.
inline constexpr std::string_view kNotesFolder = "_muster";

inline constexpr std::string_view kImageExtensions[] = {"jpg", "jpeg", "png", "ppm", "bmp", "pgm", "tif", "tiff", "webp"};

// Threads of a search where the caller names none: enough to hide the latency of a file server, whatever the processors.
inline constexpr int kScanThreads = 8;

// All files below `root` whose extension is one of these, in upper or lower case. Links are followed, except into a folder
// that is being searched already; `except`, folders named kNotesFolder, folders below `root` whose name begins with a dot, and files
// whose name begins with "._" (of macOS; they count as other files) are left out. The result is the same for any `threads`.
// ConfigError when `root` is no folder; DataError, naming it, for a folder that cannot be read (the first by name, and how many more).
Scan scan_folder(const std::filesystem::path& root, std::span<const std::string_view> extensions, const std::filesystem::path& except = {},
                 int threads = kScanThreads);

// The two halves of it, for ranks that share the second, which has an operation per file:
//   Scan scan = list_folder(root, kImageExtensions);                 on one rank
//   look_up(std::span(scan.files).subspan(begin, end - begin));      on each rank its part
//   drop_missing(scan);                                              when all parts have come together
//
// Names and paths; mtime_ns is kNotLookedUp, or already known where the name alone did not tell a file from a folder.
inline constexpr std::int64_t kNotLookedUp = std::numeric_limits<std::int64_t>::min();
Scan list_folder(const std::filesystem::path& root, std::span<const std::string_view> extensions, const std::filesystem::path& except = {},
                 int threads = kScanThreads);
// Sizes and times of the files that have none. Files that are gone by now stay kNotLookedUp. `files` is a part of a Scan's, in its
// order. DataError as scan_folder().
void look_up(std::span<SourceFile> files, int threads = kScanThreads);
// Files that are kNotLookedUp become `other_files`.
void drop_missing(Scan& scan);

// The first half in turn, for ranks that share it too: one rank reads `root`, then the folders below it, level by level, until a level
// has `enough` of them, or all are read; each rank goes on with some of those that wait.
struct ListingBegun {
  Scan found;                        // in the folders that were read
  std::vector<std::string> waiting;  // keys of the folders that were not; in the order of what lies below them
};
ListingBegun begin_listing(const std::filesystem::path& root, std::span<const std::string_view> extensions,
                           const std::filesystem::path& except, std::size_t enough, int threads = kScanThreads);
// What list_folder() finds below these folders of `root`.
Scan list_below(const std::filesystem::path& root, std::span<const std::string> folders, std::span<const std::string_view> extensions,
                const std::filesystem::path& except = {}, int threads = kScanThreads);

// Whether scan_folder takes a file of this name.
bool has_extension(std::string_view name, std::span<const std::string_view> extensions);

// "a/b.jpg" -> "a/b"; a leading dot of the name starts no extension.
std::string_view without_extension(std::string_view key);

}  // namespace muster::io
