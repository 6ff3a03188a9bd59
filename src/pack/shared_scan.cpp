#include "pack/shared_scan.hpp"

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

io::Scan scan_over_ranks(Ranks& ranks, const std::filesystem::path& root, std::span<const std::string_view> extensions,
                         const std::filesystem::path& except, int threads) {
  const std::string names = ranks.from_first([&] { return scan_message(io::list_folder(root, extensions, except, threads)); });
  io::Scan scan = scan_of_message(names, root);
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
