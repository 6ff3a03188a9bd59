// Every byte of a checkpoint is covered by a hash.
#include "ckpt/checkpoint.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "ckpt/tiny_state.hpp"
#include "ckpt/writer.hpp"
#include "core/atomic_file.hpp"
#include "core/error.hpp"

namespace muster::ckpt {
namespace {

namespace fs = std::filesystem;

void overwrite(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

void overwrite_byte(const fs::path& path, std::size_t at, char byte) {
  std::fstream stream(path, std::ios::binary | std::ios::in | std::ios::out);
  stream.seekp(static_cast<std::streamoff>(at));
  stream.put(byte);
}

// The error of opening the folder, "" when it opens.
std::string error_of(const fs::path& folder) {
  try {
    (void)Checkpoint::open(folder);
    return "";
  } catch (const CheckpointError& error) {
    return error.what();
  }
}

class DamagedCheckpoint : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    TinyState state(1);
    Writer writer(run_.path(), "run-a");
    writer.save(state.view(), 10);
    writer.save(state.view(), 20);
    ASSERT_EQ(error_of(folder()), "");
  }
  fs::path folder() const { return run_.path() / "step-20"; }
  fs::path file() const { return folder() / GetParam(); }

  TemporaryFolder run_;
};

TEST_P(DamagedCheckpoint, IsNoticedAtEveryByte) {
  const std::string whole = read_file(file());
  ASSERT_GT(whole.size(), 60U);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    overwrite_byte(file(), at, static_cast<char>(whole[at] ^ (at % 2 == 0 ? 0x01 : 0x80)));
    const std::string error = error_of(folder());
    ASSERT_NE(error, "") << GetParam() << " opens with byte " << at << " changed";
    ASSERT_NE(error.find(GetParam()), std::string::npos) << error;
    overwrite_byte(file(), at, whole[at]);
  }
  EXPECT_EQ(error_of(folder()), "");
}

TEST_P(DamagedCheckpoint, IsNoticedWhenCutOrLengthenedOrMissing) {
  const std::string whole = read_file(file());
  for (const std::string& damaged : {std::string(), whole.substr(0, whole.size() - 1), whole + "x", whole + whole}) {
    overwrite(file(), damaged);
    EXPECT_NE(error_of(folder()), "");
  }
  fs::remove(file());
  EXPECT_NE(error_of(folder()).find(GetParam()), std::string::npos) << error_of(folder());
}

TEST_P(DamagedCheckpoint, IsPassedOverForTheOneBefore) {
  std::string bytes = read_file(file());
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x10);
  overwrite(file(), bytes);
  EXPECT_EQ(open_newest(run_.path()).step(), 10);
  fs::remove_all(run_.path() / "step-10");
  EXPECT_THROW((void)open_newest(run_.path()), CheckpointError);
}

INSTANTIATE_TEST_SUITE_P(InEveryFile, DamagedCheckpoint, testing::Values("COMMIT", "manifest.json", "shard-00000-of-00001.safetensors"),
                         [](const auto& chosen) { return chosen.param.substr(0, chosen.param.find_first_of(".-")); });

}  // namespace
}  // namespace muster::ckpt
