#include "io/page_fault.hpp"

#include <thread>
#include <vector>

#include <fcntl.h>

#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/hash.hpp"
#include "io/mapping.hpp"
#include "support/temporary_folder.hpp"

namespace muster::io {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kBytes = 8 * kPage;

class CopyMappedTest : public testing::Test {
 protected:
  CopyMappedTest() {
    std::string text(kBytes, 'a');
    for (std::size_t i = 0; i < text.size(); ++i) {
      text[i] = static_cast<char>('a' + i % 23);
    }
    write_file_atomically(path_, text);
    const UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    mapping_ = Mapping(fd.get(), kBytes);
  }

  std::optional<std::uint32_t> copy(std::size_t from, std::size_t bytes) {
    copied_.assign(bytes, std::byte{0});
    return copy_mapped(mapping_.bytes().subspan(from, bytes), copied_.data());
  }

  testing_support::TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "shard.h5";
  Mapping mapping_;
  std::vector<std::byte> copied_;
};

TEST_F(CopyMappedTest, GivesTheBytesAndTheirChecksum) {
  ASSERT_EQ(mapping_.bytes().size(), kBytes);
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{5}, kPage, 3 * kPage + 17}) {
    EXPECT_EQ(copy(99, bytes), crc32_of(mapping_.bytes().subspan(99, bytes)));
    EXPECT_TRUE(std::ranges::equal(copied_, mapping_.bytes().subspan(99, bytes)));
  }
}

// Again and again, since the signal must be there the next time, and what can be had stays so.
TEST_F(CopyMappedTest, GivesNothingWherePagesAreMissing) {
  std::filesystem::resize_file(path_, 3 * kPage);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(copy(kPage, 4 * kPage), std::nullopt);
    EXPECT_EQ(copy(7 * kPage, 10), std::nullopt);
    EXPECT_EQ(copy(kPage, 2 * kPage), crc32_of(mapping_.bytes().subspan(kPage, 2 * kPage)));
  }
}

TEST_F(CopyMappedTest, EachThreadGoesOnWhereItWas) {
  std::filesystem::resize_file(path_, 4 * kPage);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::vector<std::byte> to(kPage);
      for (int i = 0; i < 500; ++i) {
        const std::size_t page = (t + static_cast<std::size_t>(i)) % 8;
        EXPECT_EQ(copy_mapped(mapping_.bytes().subspan(page * kPage, kPage), to.data()).has_value(), page < 4);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

// A guard of the same file does not end the process for a page that a copy asks for.
TEST_F(CopyMappedTest, ComesBeforeAGuard) {
  const FaultGuard guard(mapping_.bytes(), "not to be seen");
  std::filesystem::resize_file(path_, 0);
  EXPECT_EQ(copy(0, 100), std::nullopt);
}

TEST_F(CopyMappedTest, IsNotInTheWayOfOtherFaults) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto touch = [&] {
    const FaultGuard guard(mapping_.bytes(), "the guard's sentence");
    std::filesystem::resize_file(path_, 0);
    static_cast<void>(copy(0, 100));
    const volatile std::byte* first = mapping_.bytes().data();
    std::exit(static_cast<int>(*first));
  };
  EXPECT_EXIT(touch(), testing::ExitedWithCode(3), "the guard's sentence");
}

// There may be more guards than fit; they make room again, and a long sentence is cut.
TEST_F(CopyMappedTest, LeavesGuardsTheirPlaces) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto touch = [&] {
    {
      std::vector<FaultGuard> guards;
      for (int i = 0; i < 100; ++i) {
        guards.emplace_back(mapping_.bytes(), "of a guard that is gone");
      }
    }
    const FaultGuard guard(mapping_.bytes(), "the last guard's sentence" + std::string(1000, 's'));
    std::filesystem::resize_file(path_, 0);
    const volatile std::byte* first = mapping_.bytes().data();
    std::exit(static_cast<int>(*first));
  };
  EXPECT_EXIT(touch(), testing::ExitedWithCode(3), "the last guard's sentences+\n");
}

}  // namespace
}  // namespace muster::io
