// The list of files in a zip whose entries are stored, not compressed: where the bytes of each lie, so that they can be read in
// place. Zip64 too, as torch.save writes it for files above 4 GB.
// Format: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.14 to 4.3.16 (its end).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "io/input_file.hpp"

namespace muster::io {

struct ZipEntry {
  std::string name;
  std::uint64_t offset = 0;  // of the first data byte, from the start of the file
  std::uint64_t bytes = 0;
  std::uint16_t method = 0;  // of compression, 0 = stored: only then are these the bytes that were put in
  std::uint32_t crc32 = 0;   // as the directory has it; reading does not check it, check_crc() does
};

class ZipDirectory {
 public:
  // Reads the directory at the end of the file and the header in front of each entry. Throws DataError for
  // encrypted entries, for parts of a zip in several files, for entries that overlap, lie outside the file or have the same
  // name, and wherever directory and headers disagree. Keeps nothing of `file`.
  explicit ZipDirectory(const InputFile& file);

  const std::vector<ZipEntry>& entries() const noexcept { return entries_; }  // in the order of the directory
  const ZipEntry* find(std::string_view name) const;                          // nullptr when it is not there

  // DataError for the first entry that is compressed.
  void require_stored(const InputFile& file) const;

 private:
  std::vector<ZipEntry> entries_;
  std::unordered_map<std::string, std::size_t> index_;
};

// Reads the whole entry, which is stored. DataError when its bytes do not have the checksum of the directory.
void check_crc(const InputFile& file, const ZipEntry& entry);

}  // namespace muster::io
