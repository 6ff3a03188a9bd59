#include "io/mapped_file.hpp"

#include <csignal>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "support/temporary_folder.hpp"

namespace muster::io {
namespace {

constexpr std::size_t kPages = 3 * 4096;

class MappedFileTest : public testing::Test {
 protected:
  MappedFileTest() { write_file_atomically(path_, std::string(kPages, 'm')); }
  testing_support::TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "index.h5";
};

TEST_F(MappedFileTest, ShowsTheBytesOfTheFile) {
  const MappedFile file(path_);
  ASSERT_EQ(file.bytes().size(), kPages);
  EXPECT_EQ(file.bytes().front(), std::byte{'m'});
  EXPECT_EQ(file.bytes().back(), std::byte{'m'});
  EXPECT_NO_THROW(file.check_length());
}

TEST_F(MappedFileTest, KeepsWhatItHasWhenTheFileIsReplaced) {
  const MappedFile file(path_);
  write_file_atomically(path_, "short");
  EXPECT_NO_THROW(file.check_length());
  EXPECT_EQ(file.bytes().back(), std::byte{'m'});
}

TEST_F(MappedFileTest, TakesAnEmptyFile) {
  write_file_atomically(path_, "");
  EXPECT_TRUE(MappedFile(path_).bytes().empty());
}

TEST_F(MappedFileTest, NamesAFileThatIsNotThereOrNone) {
  EXPECT_THROW(MappedFile(folder_ / "other.h5"), DataError);
  EXPECT_THROW(MappedFile(folder_.path()), DataError);
}

TEST_F(MappedFileTest, MovesWithItsMapping) {
  MappedFile first(path_);
  const MappedFile second = std::move(first);
  EXPECT_EQ(second.bytes().back(), std::byte{'m'});
}

TEST_F(MappedFileTest, SaysThatTheFileBecameShorter) {
  const MappedFile file(path_);
  std::filesystem::resize_file(path_, 4096);
  try {
    file.check_length();
    FAIL() << "not noticed";
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("index.h5 is shorter than the 12288 bytes"), std::string::npos) << error.what();
  }
}

// The process would end without a word, by signal 7.
TEST_F(MappedFileTest, EndsWithASentenceWhenAPageWithoutContentIsTouched) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto touch = [&] {
    const MappedFile file(path_);
    std::filesystem::resize_file(path_, 0);
    const volatile std::byte* last = &file.bytes().back();
    std::exit(static_cast<int>(*last));
  };
  EXPECT_EXIT(touch(), testing::ExitedWithCode(3), "index.h5 is shorter than the 12288 bytes that it had when it was opened");
}

TEST_F(MappedFileTest, LeavesOtherFaultsToOthers) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto fault = [&] {
    std::signal(SIGBUS, SIG_DFL);  // as without a sanitizer, which has a handler of its own
    const MappedFile file(path_);
    std::raise(SIGBUS);
    std::raise(SIGBUS);
  };
  EXPECT_EXIT(fault(), testing::KilledBySignal(SIGBUS), "");
}

}  // namespace
}  // namespace muster::io
