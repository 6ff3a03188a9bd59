#include "io/torch_file_write.hpp"

#include <cstring>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "io/torch_file.hpp"
#include "io/zip_directory.hpp"
#include "support/temporary_folder.hpp"

namespace muster::io {
namespace {

class TorchFileWrite : public testing::Test {
 protected:
  std::filesystem::path path() const { return folder_.path() / "a.pth"; }
  testing_support::TemporaryFolder folder_;
};

TEST_F(TorchFileWrite, IsReadBackAsTheSameTensors) {
  const std::vector<TorchTensorHeader> headers{{.name = "blocks.0.norm1.weight", .dtype = ScalarType::kF32, .shape = {2, 3}},
                                               {.name = "nothing", .dtype = ScalarType::kF32, .shape = {1, 0, 4}},
                                               {.name = "half", .dtype = ScalarType::kBF16, .shape = {3}},
                                               {.name = "scalar", .dtype = ScalarType::kF64, .shape = {}}};
  const float floats[] = {1, 2, 3, 4, 5, 6};
  const std::uint16_t halves[] = {0x3f80, 0x4000, 0x4040};
  const double scalar = 0.1;
  TorchFileWriter writer(path(), headers);
  writer.write(floats, 8);  // pieces may be of any size
  writer.write(floats + 2, 16);
  writer.write(halves, sizeof halves);
  writer.write(&scalar, sizeof scalar);
  writer.commit();

  const TorchFile file(path());
  ASSERT_EQ(file.tensors().size(), headers.size());
  for (std::size_t i = 0; i < headers.size(); ++i) {
    EXPECT_EQ(file.tensors()[i].name, headers[i].name);
    EXPECT_EQ(file.tensors()[i].shape, headers[i].shape);
    EXPECT_EQ(file.tensors()[i].dtype, headers[i].dtype);
  }
  float read[6] = {};
  file.read(file.tensors()[0], 0, 6, read);
  EXPECT_EQ(std::memcmp(read, floats, sizeof floats), 0);
  double read_scalar = 0;
  file.read(file.tensors()[3], 0, 1, &read_scalar);
  EXPECT_EQ(read_scalar, scalar);
}

TEST_F(TorchFileWrite, AlignsEveryEntryAndHasItsChecksum) {
  const std::vector<TorchTensorHeader> headers{{.name = "a", .dtype = ScalarType::kU8, .shape = {3}},
                                               {.name = "b", .dtype = ScalarType::kU8, .shape = {100}}};
  TorchFileWriter writer(path(), headers);
  const std::string bytes(103, 'x');
  writer.write(bytes.data(), bytes.size());
  writer.commit();
  const InputFile file(path());
  const ZipDirectory zip(file);
  for (const char* name : {"archive/data.pkl", "archive/byteorder", "archive/data/0", "archive/data/1", "archive/version"}) {
    const ZipEntry* entry = zip.find(name);
    ASSERT_NE(entry, nullptr) << name;
    EXPECT_EQ(entry->offset % 64, 0U) << name;
    EXPECT_NO_THROW(check_crc(file, *entry)) << name;
  }
}

TEST_F(TorchFileWrite, IsNotThereBeforeAllBytesAre) {
  TorchFileWriter writer(path(), {{.name = "a", .dtype = ScalarType::kF32, .shape = {2}}});
  const float one = 1;
  writer.write(&one, sizeof one);
  EXPECT_THROW(writer.commit(), InvariantError);
  EXPECT_FALSE(std::filesystem::exists(path()));
  const float two[] = {1, 2};
  EXPECT_THROW(writer.write(two, sizeof two), InvariantError);
}

TEST_F(TorchFileWrite, RefusesANameUsedTwice) {
  EXPECT_THROW(TorchFileWriter(path(), {{.name = "a", .shape = {1}}, {.name = "a", .shape = {1}}}), InvariantError);
}

}  // namespace
}  // namespace muster::io
