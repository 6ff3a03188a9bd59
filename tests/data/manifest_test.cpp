#include "data/manifest.hpp"

#include <fstream>
#include <functional>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "data/tiny_dataset.hpp"

namespace muster::data {
namespace {

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Manifest, ReadsBackWhatItWrote) {
  const testing_support::TemporaryFolder folder;
  Manifest manifest = pack_tiny(folder.path(), 5, 2);
  ManifestSplit& split = manifest.splits.at("train");
  split.order = {.kind = "shuffled", .seed = 77};
  split.statistics = {.mean = {0.1, 0.25, 1.0 / 3.0},
                      .std = {0.5, 0.5, 0.5},
                      .pixels = 123456789012,
                      .size_histogram = {{16, 3}, {1024, 2}},
                      .class_pixels = {5, 0, 7},
                      .class_images = {2, 0, 1}};
  split.source_files = 5;
  split.listing_digest = "abc";
  manifest.splits["val"] = split;
  manifest.classes.isthing[1] = 1;
  manifest.classes.colors[2] = {1, 2, 3};
  manifest.generation = 2;
  manifest.parent_fingerprint = "feed";
  manifest.base = ManifestBase{.path = "../other", .fingerprint = "beef"};
  write_manifest(folder.path(), manifest);
  EXPECT_EQ(read_manifest(folder.path()), manifest);
}

TEST(Manifest, HoldsNeitherTimeNorPlace) {
  const testing_support::TemporaryFolder folder;
  const std::string text = manifest_json(pack_tiny(folder.path(), 5, 2));
  EXPECT_EQ(text.find("created"), std::string::npos);
  EXPECT_EQ(text.find(folder.path().string()), std::string::npos);
}

TEST(Manifest, SaysWhatIsMissing) {
  const testing_support::TemporaryFolder folder;
  EXPECT_THROW((void)read_manifest(folder.path()), DataError);
  EXPECT_THROW((void)read_manifest(folder / "nowhere"), DataError);
}

TEST(Manifest, RefusesWhatDoesNotFitTogether) {
  const testing_support::TemporaryFolder folder;
  const std::string good = manifest_json(pack_tiny(folder.path(), 5, 2));
  const std::vector<std::pair<std::string, std::string>> damages = {{"\"format\": \"muster-dataset\"", "\"format\": \"muster-datasat\""},
                                                                    {"\"num_samples\": 5", "\"num_samples\": 6"},
                                                                    {"\"first_index\": 2", "\"first_index\": 3"},
                                                                    {"\"name\": \"house\"", "\"name\": \"horse\""},
                                                                    {"\"ignore_index\": 255", "\"ignore_index\": 65535"},
                                                                    {"\"uuid\": \"", "\"uuid\": \"x"},
                                                                    {"\"fingerprint\"", "\"fingerprunt\""},
                                                                    {"\"splits\": {", "\"splits\": ["},
                                                                    {"\"file\": \"train-00000.h5\"", "\"file\": \"../train-00000.h5\""}};
  for (const auto& [from, to] : damages) {
    SCOPED_TRACE(to);
    write_file_atomically(folder / kManifestFile, replaced(good, from, to));
    try {
      (void)read_manifest(folder.path());
      ADD_FAILURE() << "was taken";
    } catch (const DataError& error) {
      EXPECT_NE(std::string(error.what()).find("manifest.json"), std::string::npos) << error.what();
    }
  }
}

// Each is a number that fits its type and nothing else.
TEST(Manifest, RefusesAbsurdNumbersWithoutTakingMemoryForThem) {
  const testing_support::TemporaryFolder folder;
  Manifest manifest = pack_tiny(folder.path(), 4, 2);
  const auto refused = [&](const std::function<void(ManifestSplit&)>& change) {
    Manifest changed = manifest;
    change(changed.splits.at("train"));
    write_manifest(folder.path(), changed);
    EXPECT_THROW((void)read_manifest(folder.path()), DataError);
  };
  constexpr std::uint64_t kHuge = 0x7fffffffffffffff;
  refused([](ManifestSplit& split) { split.num_samples = 0xffffffff; });
  refused([](ManifestSplit& split) { split.shards[1].num_samples = 0xffffffff; });
  refused([](ManifestSplit& split) { split.shards[0].num_samples = 0; });
  refused([](ManifestSplit& split) { split.shards[0].payload_address = kHuge; });
  refused([](ManifestSplit& split) { split.shards[0].payload_bytes = kHuge; });
  refused([](ManifestSplit& split) { split.shards[0].payload_bytes = 63; });
  refused([](ManifestSplit& split) { split.shards[0].bytes = 100; });
  refused([](ManifestSplit& split) { split.shards[1].file = split.shards[0].file; });
  refused([](ManifestSplit& split) { split.statistics.class_pixels.resize(100'000); });
  const std::string good = manifest_json(manifest);
  for (const char* number : {"-1", "1e300", "18446744073709551616", "0.5", "\"5\"", "null", "[]"}) {
    SCOPED_TRACE(number);
    write_file_atomically(folder / kManifestFile,
                          seal_manifest(replaced(good, "\"num_samples\": 4", fmt::format("\"num_samples\": {}", number))));
    EXPECT_THROW((void)read_manifest(folder.path()), DataError);
  }
  write_manifest(folder.path(), manifest);
  EXPECT_EQ(read_manifest(folder.path()), manifest);
}

TEST(Manifest, NoticesAnyChangeOfItsText) {
  const testing_support::TemporaryFolder folder;
  const std::string good = manifest_json(pack_tiny(folder.path(), 3, 1));
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"\"seed\": 0", "\"seed\": 1"}, {"\"muster\": \"test\"", "\"muster\": \"tess\""}, {"  ", " "}};
  for (const auto& [from, to] : changes) {
    write_file_atomically(folder / kManifestFile, replaced(good, from, to));
    EXPECT_THROW((void)read_manifest(folder.path()), DataError) << to;
    write_file_atomically(folder / kManifestFile, seal_manifest(replaced(good, from, to)));
    EXPECT_NO_THROW((void)read_manifest(folder.path())) << to;
  }
  EXPECT_EQ(seal_manifest("{}"), "{}");
  EXPECT_EQ(seal_manifest("\"checksum\": \"12"), "\"checksum\": \"12");
}

TEST(Manifest, RefusesAnotherMajorVersionAndTakesAHigherMinor) {
  const testing_support::TemporaryFolder folder;
  const std::string good = manifest_json(pack_tiny(folder.path(), 1, 1));
  const std::size_t at = good.find("\"format_version\"");
  const std::size_t one = good.find('1', at);
  std::string major = good;
  major[one] = '2';
  write_file_atomically(folder / kManifestFile, major);
  EXPECT_THROW((void)read_manifest(folder.path()), DataError);
  std::string minor = good;
  minor[good.find('0', one)] = '7';
  write_file_atomically(folder / kManifestFile, seal_manifest(minor));
  EXPECT_NO_THROW((void)read_manifest(folder.path()));
}

}  // namespace
}  // namespace muster::data
