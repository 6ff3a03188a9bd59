// A disk that is full during a save: the error says so, nothing half-written stays, the checkpoint before is valid.
#include "ckpt/writer.hpp"

#include <csignal>
#include <optional>

#include <sys/mount.h>
#include <sys/resource.h>

#include <gtest/gtest.h>

#include "ckpt/checkpoint.hpp"
#include "ckpt/folders.hpp"
#include "ckpt/tiny_state.hpp"
#include "core/error.hpp"

namespace muster::ckpt {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kLarge = 20'000;  // a width whose state is 9.6 MB

void expect_clean_failure(const fs::path& folder, const std::string& reason) {
  Writer writer(folder, "run-a");
  TinyState small(1);
  writer.save(small.view(), 10);
  TinyState large(2, 0, 1, kLarge);
  try {
    writer.save(large.view(), 20);
    FAIL() << "the save was to fail";
  } catch (const CheckpointError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("step 20"), std::string::npos) << text;
    EXPECT_NE(text.find(reason), std::string::npos) << text;
    EXPECT_EQ(error.code(), ExitCode::kCheckpoint);
  }
  for (const auto& each : fs::directory_iterator(folder)) {
    const std::string name = each.path().filename().string();
    EXPECT_TRUE(name == "step-10" || name == "last") << name << " was left behind";
  }
  EXPECT_EQ(open_newest(folder).step(), 10);
  writer.save(small.view(), 30);  // training went on; a smaller save fits
  EXPECT_EQ(open_newest(folder).step(), 30);
}

// Without privileges: files may not grow over 1 MB, so write() fails in the middle as on a full disk (EFBIG).
TEST(FullDisk, InTheMiddleOfAFileLeavesTheCheckpointBefore) {
  const TemporaryFolder run;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 1 << 20, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  expect_clean_failure(run.path(), "errno 27");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
}

struct Mounted {
  const fs::path& folder;
  ~Mounted() { EXPECT_EQ(::umount(folder.c_str()), 0); }
};

// A real small disk where the test may mount one (root in a mount namespace of its own); elsewhere the mount says why not, and
// the case above stands alone.
TEST(FullDisk, IsNoticedBeforeAnythingIsWrittenOnARealOne) {
  const TemporaryFolder run;
  if (::mount("muster", run.path().c_str(), "tmpfs", 0, "size=4m") != 0) {
    std::printf("no tmpfs here (%s): the limit on file sizes above is what was tested\n", errno_text(errno).c_str());
    return;
  }
  const Mounted mounted{run.path()};
  expect_clean_failure(run.path() / "checkpoints", "bytes are needed");
}

}  // namespace
}  // namespace muster::ckpt
