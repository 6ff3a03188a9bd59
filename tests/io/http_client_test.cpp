// What needs no server; downloads from servers of every temper are tests/e2e/fetch_test.py.
#include "io/http_client.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "io/partial_file.hpp"
#include "io/sha256.hpp"
#include "support/temporary_folder.hpp"

namespace muster::io {
namespace {

using testing_support::TemporaryFolder;

// FIPS 180-2, appendix B.1.
TEST(Sha256, OfAbcIsThatOfTheStandard) {
  const TemporaryFolder folder;
  std::ofstream(folder / "a") << "abc";
  EXPECT_EQ(sha256_of_file(folder / "a"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_THROW(sha256_of_file(folder / "missing"), DataError);
}

TEST(ShownUrl, LeavesOutWhatMayBeAKey) {
  EXPECT_EQ(shown_url("https://host/a.pth?Signature=secret"), "https://host/a.pth");
}

class PartialFileTest : public testing::Test {
 protected:
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "a.pth";
};

TEST_F(PartialFileTest, GoesOnWithWhatTheSameAddressHadBrought) {
  {
    PartialFile first(path_, "https://host/a");
    first.start_afresh("\"v1\"");
    first.write_at(0, "abc", 3);
  }
  {
    PartialFile second(path_, "https://host/a");
    EXPECT_EQ(second.kept(), 3U);
    EXPECT_EQ(second.etag(), "\"v1\"");
    second.write_at(3, "de", 2);
    second.commit();
  }
  EXPECT_EQ(read_file(path_), "abcde");
  EXPECT_FALSE(std::filesystem::exists(path_.string() + ".part"));
  EXPECT_FALSE(std::filesystem::exists(path_.string() + ".part.from"));
}

TEST_F(PartialFileTest, ForgetsWhatAnotherAddressHadBrought) {
  {
    PartialFile first(path_, "https://host/a");
    first.start_afresh("W/\"weak\"");
    first.write_at(0, "abc", 3);
    EXPECT_EQ(first.etag(), "") << "a weak one does not promise equal bytes";
  }
  const PartialFile second(path_, "https://host/b");
  EXPECT_EQ(second.size(), 0U);
}

TEST_F(PartialFileTest, IsOneProcesssAtATimeAndLeavesNothingEmptyBehind) {
  {
    const PartialFile first(path_, "https://host/a");
    EXPECT_THROW(PartialFile(path_, "https://host/a"), CommError);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

}  // namespace
}  // namespace muster::io
