// All files of shared/data/odd_images: read to the pixels that independent readers give, or refused with name and reason.
// expected.csv is written by make_expected.py; what the answers mean for users stands in src/data/README.md.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <gmock/gmock.h>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "image/decode.hpp"
#include "image/transcode.hpp"

namespace muster::image {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr const char* kFolder = MUSTER_ODD_IMAGES;
constexpr std::size_t kFiles = 109;

struct Expected {
  std::size_t bytes = 0;
  int height = 0, width = 0, orientation = 0;
  std::string crc32;
  std::vector<std::string> refusal;  // words; none = it is read
};

// No field of the table holds a comma or a quotation mark.
std::map<std::string, Expected> read_table() {
  std::ifstream file(MUSTER_SOURCE_DIR "/tests/odd_images/expected.csv");
  std::map<std::string, Expected> table;
  std::string line;
  std::getline(file, line);
  EXPECT_EQ(line, "file,bytes,height,width,orientation,crc32,reader,refusal");
  while (std::getline(file, line)) {
    std::vector<std::string> fields;
    std::istringstream words(line);
    for (std::string field; std::getline(words, field, ',');) {
      fields.push_back(field);
    }
    Expected expected = {.bytes = std::stoul(fields.at(1)), .crc32 = fields.at(5), .refusal = {}};
    if (expected.crc32.empty()) {
      std::istringstream parts(fields.at(7));
      for (std::string part; std::getline(parts, part, '&');) {
        expected.refusal.push_back(part);
      }
    } else {
      expected.height = std::stoi(fields.at(2));
      expected.width = std::stoi(fields.at(3));
      expected.orientation = std::stoi(fields.at(4));
    }
    table[fields.at(0)] = expected;
  }
  return table;
}

std::vector<std::byte> bytes_of_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

std::string crc_of(const Image& image) {
  return fmt::format("{:08x}", crc32_of(std::as_bytes(std::span(image.pixels))));
}

// What is written to file descriptor 2 while it lives: libraries must not print.
class CaughtStderr {
 public:
  CaughtStderr() : kept_(::dup(2)), file_(std::tmpfile()) {
    EXPECT_NE(file_, nullptr);
    ::dup2(::fileno(file_), 2);
  }
  ~CaughtStderr() {
    ::dup2(kept_, 2);
    ::close(kept_);
    std::fclose(file_);
  }
  std::string text() {
    std::fflush(stderr);
    std::string out(4096, '\0');
    const ssize_t count = ::pread(::fileno(file_), out.data(), out.size(), 0);
    out.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    return out;
  }

 private:
  int kept_;
  std::FILE* file_;
};

TEST(OddImages, AreTheFilesOfTheTable) {
  const auto table = read_table();
  EXPECT_EQ(table.size(), kFiles);
  std::set<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(kFolder)) {
    const std::string name = entry.path().lexically_relative(kFolder);
    if (entry.is_regular_file() && name.find('/') != std::string::npos && !name.starts_with("licenses/")) {
      found.insert(name);
      EXPECT_TRUE(table.contains(name)) << name;
    }
  }
  EXPECT_EQ(found.size(), kFiles);
  for (const auto& [name, expected] : table) {
    EXPECT_EQ(fs::file_size(fs::path(kFolder) / name), expected.bytes) << name;
  }
}

TEST(OddImages, AreReadAsOtherReadersDoOrRefusedWithNameAndReason) {
  int read = 0;
  for (const auto& [name, expected] : read_table()) {
    SCOPED_TRACE(name);
    const std::string path = std::string(kFolder) + "/" + name;
    const std::vector<std::byte> bytes = bytes_of_file(path);
    CaughtStderr caught;
    try {
      const Image image = decode_rgb(bytes, path);
      const ImageInfo info = probe(bytes, path);
      EXPECT_TRUE(expected.refusal.empty()) << "was read";
      EXPECT_EQ(image.height, expected.height);
      EXPECT_EQ(image.width, expected.width);
      EXPECT_EQ(info.height, expected.height);
      EXPECT_EQ(info.width, expected.width);
      EXPECT_EQ(info.exif_orientation, expected.orientation);
      EXPECT_EQ(crc_of(image), expected.crc32);
      ++read;
      if (info.codec == Codec::kNone) {
        EXPECT_EQ(crc_of(decode_rgb(to_png(bytes, path), "as PNG")), expected.crc32);
      }
    } catch (const DataError& error) {
      EXPECT_FALSE(expected.refusal.empty()) << error.what();
      EXPECT_THAT(error.what(), HasSubstr(path));
      for (const std::string& word : expected.refusal) {
        EXPECT_THAT(error.what(), HasSubstr(word));
      }
    }
    EXPECT_EQ(caught.text(), "");
  }
  EXPECT_GE(read, 80);
}

}  // namespace
}  // namespace muster::image
