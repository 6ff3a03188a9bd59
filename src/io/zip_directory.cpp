#include "io/zip_directory.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>

#include <zlib.h>

#include "core/error.hpp"

namespace muster::io {
namespace {

constexpr std::uint32_t kEndSignature = 0x06054b50;
constexpr std::uint32_t kEnd64Signature = 0x06064b50;
constexpr std::uint32_t kLocatorSignature = 0x07064b50;
constexpr std::uint32_t kEntrySignature = 0x02014b50;
constexpr std::uint32_t kLocalSignature = 0x04034b50;
constexpr std::uint64_t kEndBytes = 22;
constexpr std::uint64_t kEnd64Bytes = 56;
constexpr std::uint64_t kLocatorBytes = 20;
constexpr std::uint64_t kEntryBytes = 46;
constexpr std::uint64_t kLocalBytes = 30;
constexpr std::uint64_t kMaxComment = 0xffff;
constexpr std::uint64_t kMaxDirectoryBytes = 64u << 20;  // some 700,000 entries; the largest model has a thousand
constexpr std::uint16_t kZip64Extra = 1;
constexpr std::uint16_t kEncrypted = 1u << 0;
constexpr std::uint16_t kSizesFollow = 1u << 3;  // the local header has zeros, the sizes stand behind the data
constexpr const char* kZipRemedy = "the file is damaged or cut short: copy or download it again";

// A number at `at`, little-endian as the host. The caller has checked that it is there.
template <class T>
T number_at(std::span<const char> bytes, std::uint64_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// Where the directory lies, from the records at the end of the file.
struct Directory {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
};

class DirectoryReader {
 public:
  explicit DirectoryReader(const InputFile& file) : file_(file) {}

  Directory find_directory() const {
    const std::uint64_t tail_bytes = std::min(file_.bytes(), kEndBytes + kMaxComment);
    const std::uint64_t tail_offset = file_.bytes() - tail_bytes;
    std::vector<char> tail(tail_bytes);
    file_.read(tail_offset, tail_bytes, tail.data());
    const std::uint64_t end = tail_offset + find_end(tail);
    const std::span<const char> record = std::span(tail).subspan(end - tail_offset);
    if (number_at<std::uint16_t>(record, 4) != 0 || number_at<std::uint16_t>(record, 6) != 0 ||
        number_at<std::uint16_t>(record, 8) != number_at<std::uint16_t>(record, 10)) {
      throw DataError("{}: a part of a zip that was cut into several files; put the parts together first", name());
    }
    Directory directory{.offset = number_at<std::uint32_t>(record, 16),
                        .bytes = number_at<std::uint32_t>(record, 12),
                        .entries = number_at<std::uint16_t>(record, 10)};
    std::uint64_t limit = end;  // where the directory has to end
    if (const std::optional<std::uint64_t> end64 = find_end64(end)) {
      limit = *end64;
      directory = read_end64(*end64, directory);
    }
    if (directory.offset > limit || directory.bytes != limit - directory.offset || directory.entries > directory.bytes / kEntryBytes) {
      throw DataError("{}: the zip's directory of {} entries cannot lie in bytes {} to {}; {}", name(), directory.entries, directory.offset,
                      limit, kZipRemedy);
    }
    if (directory.bytes > kMaxDirectoryBytes) {
      throw DataError("{}: the zip's directory has {} bytes, at most {} are read: this is no weight file", name(), directory.bytes,
                      kMaxDirectoryBytes);
    }
    return directory;
  }

  // The entries with the offsets of their local headers; data_offset() makes them those of the data.
  std::vector<ZipEntry> read_entries(const Directory& directory) const {
    std::vector<char> bytes(directory.bytes);
    file_.read(directory.offset, directory.bytes, bytes.data());
    std::vector<ZipEntry> entries;
    std::span<const char> rest(bytes);
    while (!rest.empty()) {
      if (rest.size() < kEntryBytes || number_at<std::uint32_t>(rest, 0) != kEntrySignature) {
        throw DataError("{}: entry {} of the zip's directory is malformed; {}", name(), entries.size(), kZipRemedy);
      }
      const std::uint64_t name_bytes = number_at<std::uint16_t>(rest, 28);
      const std::uint64_t extra_bytes = number_at<std::uint16_t>(rest, 30);
      const std::uint64_t bytes_in_all = kEntryBytes + name_bytes + extra_bytes + number_at<std::uint16_t>(rest, 32);
      if (rest.size() < bytes_in_all) {
        throw DataError("{}: entry {} of the zip's directory is cut short; {}", name(), entries.size(), kZipRemedy);
      }
      entries.push_back(read_entry(rest, rest.subspan(kEntryBytes + name_bytes, extra_bytes)));
      rest = rest.subspan(bytes_in_all);
    }
    if (entries.size() != directory.entries) {
      throw DataError("{}: the zip's directory has {} entries, {} were announced; {}", name(), entries.size(), directory.entries, kZipRemedy);
    }
    return entries;
  }

  // Checks the header in front of the data, which must agree with the directory.
  std::uint64_t data_offset(const ZipEntry& entry) const {
    if (entry.offset > file_.bytes() || file_.bytes() - entry.offset < kLocalBytes + entry.name.size()) {
      throw DataError("{}: the zip entry '{}' starts at byte {} of {}; {}", name(), entry.name, entry.offset, file_.bytes(), kZipRemedy);
    }
    std::vector<char> header(kLocalBytes + entry.name.size());
    file_.read(entry.offset, header.size(), header.data());
    const std::string_view own_name(header.data() + kLocalBytes, entry.name.size());
    if (number_at<std::uint32_t>(header, 0) != kLocalSignature || number_at<std::uint16_t>(header, 26) != entry.name.size() ||
        own_name != entry.name || number_at<std::uint16_t>(header, 8) != entry.method) {
      throw DataError("{}: the header of the zip entry '{}' at byte {} is not the one of the directory; {}", name(), entry.name,
                      entry.offset, kZipRemedy);
    }
    const auto stored = number_at<std::uint32_t>(header, 18);
    const bool sizes_elsewhere = (number_at<std::uint16_t>(header, 6) & kSizesFollow) != 0 || stored == 0xffffffff;
    if (!sizes_elsewhere && stored != entry.bytes) {
      throw DataError("{}: the zip entry '{}' has {} bytes by its header and {} by the directory; {}", name(), entry.name, stored,
                      entry.bytes, kZipRemedy);
    }
    return entry.offset + header.size() + number_at<std::uint16_t>(header, 28);
  }

  // Headers and data must lie one after the other, all in front of the directory. `starts` = offsets of the local headers.
  void check_overlap(const std::vector<ZipEntry>& entries, const std::vector<std::uint64_t>& starts, std::uint64_t directory) const {
    std::vector<std::size_t> order(entries.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      order[i] = i;
    }
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return starts[a] < starts[b]; });
    for (std::size_t i = 0; i < order.size(); ++i) {
      const ZipEntry& entry = entries[order[i]];
      const bool last = i + 1 == order.size();
      const std::uint64_t limit = last ? directory : starts[order[i + 1]];
      if (entry.offset > limit || entry.bytes > limit - entry.offset) {
        throw DataError("{}: the zip entry '{}' of {} bytes at {} runs into {}; {}", name(), entry.name, entry.bytes, entry.offset,
                        last ? "the directory" : fmt::format("'{}'", entries[order[i + 1]].name), kZipRemedy);
      }
    }
  }

 private:
  std::string name() const { return file_.path().string(); }

  // The last record whose comment ends where the file does.
  std::uint64_t find_end(std::span<const char> tail) const {
    for (std::uint64_t at = tail.size() < kEndBytes ? 0 : tail.size() - kEndBytes + 1; at-- > 0;) {
      if (number_at<std::uint32_t>(tail, at) == kEndSignature && at + kEndBytes + number_at<std::uint16_t>(tail, at + 20) == tail.size()) {
        return at;
      }
    }
    throw DataError("{}: the zip's directory is missing at its end; {}", name(), kZipRemedy);
  }

  std::optional<std::uint64_t> find_end64(std::uint64_t end) const {
    if (end < kLocatorBytes) {
      return std::nullopt;
    }
    std::vector<char> locator(kLocatorBytes);
    file_.read(end - kLocatorBytes, kLocatorBytes, locator.data());
    if (number_at<std::uint32_t>(locator, 0) != kLocatorSignature) {
      return std::nullopt;
    }
    const auto at = number_at<std::uint64_t>(locator, 8);
    if (end - kLocatorBytes < kEnd64Bytes || at != end - kLocatorBytes - kEnd64Bytes) {
      throw DataError("{}: the zip64 record is said to be at byte {}, it belongs right before byte {}; {}", name(), at, end - kLocatorBytes,
                      kZipRemedy);
    }
    return at;
  }

  // `narrow` = the same numbers from the old record, where all bits set mean: look here.
  Directory read_end64(std::uint64_t at, const Directory& narrow) const {
    std::vector<char> record(kEnd64Bytes);
    file_.read(at, kEnd64Bytes, record.data());
    const Directory wide{.offset = number_at<std::uint64_t>(record, 48),
                         .bytes = number_at<std::uint64_t>(record, 40),
                         .entries = number_at<std::uint64_t>(record, 32)};
    const auto agree = [](std::uint64_t old_number, std::uint64_t number, std::uint64_t look_here) {
      return old_number == number || old_number == look_here;
    };
    if (number_at<std::uint32_t>(record, 0) != kEnd64Signature || number_at<std::uint64_t>(record, 24) != wide.entries ||
        !agree(narrow.offset, wide.offset, 0xffffffff) || !agree(narrow.bytes, wide.bytes, 0xffffffff) ||
        !agree(narrow.entries, wide.entries, 0xffff)) {
      throw DataError("{}: the zip64 record at byte {} is malformed; {}", name(), at, kZipRemedy);
    }
    return wide;
  }

  ZipEntry read_entry(std::span<const char> record, std::span<const char> extra) const {
    ZipEntry entry{.name = std::string(record.data() + kEntryBytes, number_at<std::uint16_t>(record, 28)),
                   .offset = number_at<std::uint32_t>(record, 42),
                   .bytes = number_at<std::uint32_t>(record, 24),
                   .method = number_at<std::uint16_t>(record, 10),
                   .crc32 = number_at<std::uint32_t>(record, 16)};
    std::uint64_t packed = number_at<std::uint32_t>(record, 20);
    if ((number_at<std::uint16_t>(record, 8) & kEncrypted) != 0) {
      throw DataError("{}: the zip entry '{}' is encrypted; unpack the file with its password first", name(), entry.name);
    }
    widen(entry, packed, extra);
    if (entry.method == 0 && packed != entry.bytes) {
      throw DataError("{}: the zip entry '{}' is stored, but has {} bytes of {}; {}", name(), entry.name, packed, entry.bytes, kZipRemedy);
    }
    entry.bytes = packed;
    return entry;
  }

  // The zip64 field holds 64 bits for each number that has all its 32 bits set, in this order.
  void widen(ZipEntry& entry, std::uint64_t& packed, std::span<const char> extra) const {
    std::vector<std::uint64_t*> wanted;
    for (std::uint64_t* number : {&entry.bytes, &packed, &entry.offset}) {
      if (*number == 0xffffffff) {
        wanted.push_back(number);
      }
    }
    while (!wanted.empty() && extra.size() >= 4) {
      const std::uint64_t field_bytes = number_at<std::uint16_t>(extra, 2);
      if (field_bytes > extra.size() - 4) {
        break;
      }
      if (number_at<std::uint16_t>(extra, 0) == kZip64Extra && field_bytes >= 8 * wanted.size()) {
        for (std::size_t i = 0; i < wanted.size(); ++i) {
          *wanted[i] = number_at<std::uint64_t>(extra, 4 + 8 * i);
        }
        return;
      }
      extra = extra.subspan(4 + field_bytes);
    }
    if (!wanted.empty()) {
      throw DataError("{}: the zip entry '{}' needs a zip64 field and has none; {}", name(), entry.name, kZipRemedy);
    }
  }

  const InputFile& file_;
};

}  // namespace

ZipDirectory::ZipDirectory(const InputFile& file) {
  const DirectoryReader reader(file);
  const Directory directory = reader.find_directory();
  entries_ = reader.read_entries(directory);
  std::vector<std::uint64_t> starts;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    starts.push_back(entries_[i].offset);
    if (!index_.emplace(entries_[i].name, i).second) {
      throw DataError("{}: the zip has two entries '{}'; {}", file.path().string(), entries_[i].name, kZipRemedy);
    }
    entries_[i].offset = reader.data_offset(entries_[i]);
  }
  reader.check_overlap(entries_, starts, directory.offset);
}

const ZipEntry* ZipDirectory::find(std::string_view name) const {
  const auto found = index_.find(std::string(name));
  return found == index_.end() ? nullptr : &entries_[found->second];
}

void ZipDirectory::require_stored(const InputFile& file) const {
  for (const ZipEntry& entry : entries_) {
    if (entry.method != 0) {
      throw DataError(
          "{}: the zip entry '{}' is compressed (method {}), which torch.save never does; write the file again with "
          "torch.save(torch.load(f, weights_only=True), f), or store it with `zip -0`",
          file.path().string(), entry.name, entry.method);
    }
  }
}

void check_crc(const InputFile& file, const ZipEntry& entry) {
  std::vector<char> chunk(std::min<std::uint64_t>(entry.bytes, 1u << 20));
  uLong sum = 0;
  for (std::uint64_t done = 0; done < entry.bytes;) {
    const std::uint64_t count = std::min<std::uint64_t>(chunk.size(), entry.bytes - done);
    file.read(entry.offset + done, count, chunk.data());
    sum = crc32_z(sum, reinterpret_cast<const Bytef*>(chunk.data()), count);
    done += count;
  }
  if (sum != entry.crc32) {
    throw DataError("{}: the bytes of '{}' have the checksum {:08x}, {:08x} was stored; {}", file.path().string(), entry.name, sum,
                    entry.crc32, kZipRemedy);
  }
}

}  // namespace muster::io
