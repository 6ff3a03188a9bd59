#include "label/journal.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "support/temporary_folder.hpp"

namespace muster::label {
namespace {

using muster::testing_support::TemporaryFolder;
using testing::HasSubstr;

JournalEntry mask_of(const std::string& image, const std::string& hash) {
  return {.image = image, .mask = image + ".png", .hash = hash, .bytes = 12, .error = {}, .worker = {}};
}
JournalEntry failure_of(const std::string& image) {
  return {.image = image, .mask = {}, .hash = {}, .error = "it is \"empty\"", .worker = {}};
}

TEST(Journal, KeepsOneLinePerImageOverAllWorkers) {
  const TemporaryFolder folder;
  {
    Journal a(folder.path(), "a"), b(folder.path(), "b");
    a.add(mask_of("x", "1"));
    a.add(failure_of("y"));
    b.add(mask_of("x", "1"));
    b.add(mask_of("y", "2"));
    b.add(failure_of("z"));
  }
  const MergedJournal merged = read_journals(folder.path());
  ASSERT_EQ(merged.by_image.size(), 3u);
  EXPECT_EQ(merged.by_image.at("x").hash, "1");
  EXPECT_EQ(merged.by_image.at("x").worker, "a");
  EXPECT_EQ(merged.by_image.at("x").bytes, 12u);
  EXPECT_FALSE(merged.by_image.at("y").failed()) << "another worker could read it";
  EXPECT_EQ(merged.by_image.at("z").error, "it is \"empty\"");
  EXPECT_TRUE(merged.conflicts.empty());
}

TEST(Journal, ReportsAnImageWithDifferentMasks) {
  const TemporaryFolder folder;
  Journal(folder.path(), "a").add(mask_of("x", "1"));
  Journal(folder.path(), "b").add(mask_of("x", "2"));
  const MergedJournal merged = read_journals(folder.path());
  ASSERT_EQ(merged.conflicts.size(), 1u);
  EXPECT_THAT(merged.conflicts[0], testing::AllOf(HasSubstr("x"), HasSubstr("hash 1"), HasSubstr("2 for b")));
}

TEST(Journal, IgnoresALastLineThatIsCutOffAndRefusesDamageElsewhere) {
  const TemporaryFolder folder;
  Journal(folder.path(), "a").add(mask_of("x", "1"));
  const std::string whole = read_file(folder / "a.jsonl");
  for (std::size_t length = 1; length < whole.size(); ++length) {
    std::ofstream(folder / "b.jsonl") << whole << whole.substr(0, length);
    ASSERT_EQ(read_journals(folder.path()).by_image.size(), 1u) << length;
  }
  std::ofstream(folder / "b.jsonl") << whole << whole.substr(5);
  try {
    (void)read_journals(folder.path());
    FAIL() << "nothing was thrown";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("b.jsonl:2"));
  }
}

}  // namespace
}  // namespace muster::label
