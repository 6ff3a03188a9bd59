#include "pack/shared_scan.hpp"

#include <algorithm>
#include <iterator>

#include "pack/wire.hpp"

namespace muster::pack {
namespace {

std::string scan_message(const io::Scan& scan) {
  WireWriter wire;
  wire.value(std::uint64_t{scan.other_files});
  wire.value(std::uint64_t{scan.files.size()});
  for (const io::SourceFile& file : scan.files) {
    wire.text(file.key);
    wire.value(file.bytes);
    wire.value(file.mtime_ns);
  }
  return wire.take();
}

io::Scan scan_of_message(const std::string& text, const std::filesystem::path& root) {
  WireReader wire(text);
  io::Scan scan;
  scan.other_files = wire.value<std::uint64_t>();
  scan.files.resize(wire.value<std::uint64_t>());
  for (io::SourceFile& file : scan.files) {
    file.key = wire.text();
    file.path = root / file.key;
    file.bytes = wire.value<std::uint64_t>();
    file.mtime_ns = wire.value<std::int64_t>();
  }
  return scan;
}

// Sizes and times of this rank's part of the files.
std::string looked_up(std::span<io::SourceFile> files, int threads) {
  io::look_up(files, threads);
  WireWriter wire;
  for (const io::SourceFile& file : files) {
    wire.value(file.bytes);
    wire.value(file.mtime_ns);
  }
  return wire.take();
}

// Each rank asks for its part, and tells the others.
void look_up_over_ranks(Ranks& ranks, std::span<io::SourceFile> files, int threads) {
  const auto [begin, end] = ranks.part(files.size());
  const auto parts = ranks.gather([&, first = begin, last = end] { return looked_up(files.subspan(first, last - first), threads); });
  std::size_t i = 0;
  for (const std::string& part : parts) {
    for (WireReader wire(part); !wire.done(); ++i) {
      files[i].bytes = wire.value<std::uint64_t>();
      files[i].mtime_ns = wire.value<std::int64_t>();
    }
  }
}

// So many folders are shared out; fewer are first read by one rank, for what lies below them. More for each of many ranks would not be
// better: reading 1000 flat folders is no work for one.
std::size_t worth_sharing(int ranks) {
  return 2 * static_cast<std::size_t>(std::min(ranks, 8));
}

// The first rank begins, and each goes on with neighbouring folders: what the ranks find, one after the other, ascends as the folders do.
io::Scan list_over_ranks(Ranks& ranks, const std::filesystem::path& root, std::span<const std::string_view> extensions,
                         const std::filesystem::path& except, int threads) {
  const std::string begun = ranks.from_first([&] {
    const io::ListingBegun first = io::begin_listing(root, extensions, except, worth_sharing(ranks.count()), threads);
    WireWriter wire;
    wire.text(scan_message(first.found));
    for (const std::string& folder : first.waiting) {
      wire.text(folder);
    }
    return wire.take();
  });
  WireReader wire(begun);
  io::Scan scan = scan_of_message(wire.text(), root);
  std::vector<std::string> folders;
  while (!wire.done()) {
    folders.push_back(wire.text());
  }
  const auto [begin, end] = ranks.part(folders.size());
  const auto parts = ranks.gather([&, first = begin, last = end] {
    return scan_message(io::list_below(root, std::span(folders).subspan(first, last - first), extensions, except, threads));
  });
  const auto upper = static_cast<std::ptrdiff_t>(scan.files.size());
  for (const std::string& part : parts) {
    io::Scan below = scan_of_message(part, root);
    scan.other_files += below.other_files;
    std::ranges::move(below.files, std::back_inserter(scan.files));
  }
  std::ranges::inplace_merge(scan.files, scan.files.begin() + upper, {}, &io::SourceFile::key);
  return scan;
}

io::Scan scan_over_ranks(Ranks& ranks, const std::filesystem::path& root, std::span<const std::string_view> extensions,
                         const std::filesystem::path& except, int threads) {
  io::Scan scan = list_over_ranks(ranks, root, extensions, except, threads);
  look_up_over_ranks(ranks, scan.files, threads);
  io::drop_missing(scan);
  return scan;
}

}  // namespace

ScanFolder shared_scan(Ranks& ranks, int threads) {
  const int searchers = threads > 0 ? threads : io::kScanThreads;
  return ScanFolder(
      [&ranks, searchers](const std::filesystem::path& root, std::span<const std::string_view> extensions,
                          const std::filesystem::path& except) {
        return ranks.count() == 1 ? io::scan_folder(root, extensions, except, searchers)
                                  : scan_over_ranks(ranks, root, extensions, except, searchers);
      },
      [&ranks, searchers](std::span<io::SourceFile> files) { look_up_over_ranks(ranks, files, searchers); });
}

}  // namespace muster::pack
