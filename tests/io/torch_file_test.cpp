#include "io/torch_file.hpp"

#include <fstream>
#include <limits>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "support/memory_file.hpp"
#include "support/temporary_folder.hpp"
#include "support/torch_zip.hpp"

namespace muster::io {
namespace {

using testing::HasSubstr;
using testing_support::pickled;
using testing_support::pickled_tensor;
using testing_support::TemporaryFolder;
using testing_support::torch_zip;

const std::filesystem::path kFixtures = std::filesystem::path(MUSTER_SOURCE_DIR) / "tests/io/fixtures";

std::string hex(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) {
    text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  }
  return text;
}

std::string bytes_of(const TorchFile& file, const TorchTensor& tensor) {
  std::string bytes(static_cast<std::size_t>(tensor.numel()) * scalar_bytes(tensor.dtype), '\0');
  file.read(tensor, 0, tensor.numel(), bytes.data());
  return bytes;
}

std::vector<std::int64_t> numbers(const Value& list) {
  std::vector<std::int64_t> numbers;
  for (const Value& item : list.as_list()) {
    numbers.push_back(item.as_int());
  }
  return numbers;
}

std::string pickled_dict(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string text = "}(";
  for (const auto& [key, value] : members) {
    text += pickled(key) + value;
  }
  return text + "u";
}

class TorchFileTest : public testing::Test {
 protected:
  std::filesystem::path put(const std::string& bytes) {
    std::ofstream(folder_ / "m.pth", std::ios::binary) << bytes;
    return folder_ / "m.pth";
  }

  std::string refusal(const std::string& bytes) { return refusal_of(put(bytes)); }

  static std::string refusal_of(const std::filesystem::path& path) {
    try {
      const TorchFile file(path);
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr(path.filename().string()));
      return error.what();
    }
    ADD_FAILURE() << "accepted";
    return {};
  }

  TemporaryFolder folder_;
};

TEST_F(TorchFileTest, ReadsWhatTorchSaveWrote) {
  const Value golden = read_value_file(kFixtures / "torch_files.json");
  ASSERT_EQ(golden.at("read").size(), 8u);
  for (const auto& [name, expected] : golden.at("read").as_map()) {
    SCOPED_TRACE(name);
    const TorchFile file(kFixtures / name);
    EXPECT_EQ(to_json(file.values()), to_json(expected.at("values")));
    EXPECT_EQ(file.tensors().size(), expected.at("tensors").size());
    for (const auto& [tensor_name, wanted] : expected.at("tensors").as_map()) {
      SCOPED_TRACE(tensor_name);
      const TorchTensor* tensor = file.find(tensor_name);
      ASSERT_NE(tensor, nullptr);
      EXPECT_EQ(scalar_name(tensor->dtype), wanted.at("dtype").as_string());
      EXPECT_EQ(tensor->shape, numbers(wanted.at("shape")));
      EXPECT_EQ(hex(bytes_of(file, *tensor)), wanted.at("bytes").as_string());
    }
  }
}

TEST_F(TorchFileTest, RefusesWhatTorchWroteAndWeDoNotRead) {
  const Value golden = read_value_file(kFixtures / "torch_files.json");
  ASSERT_EQ(golden.at("refused").size(), 10u);
  for (const auto& [name, message] : golden.at("refused").as_map()) {
    SCOPED_TRACE(name);
    EXPECT_THAT(refusal_of(kFixtures / name), HasSubstr(message.as_string()));
  }
  EXPECT_THAT(refusal_of(kFixtures / "refused_legacy.pth"), HasSubstr("torch.save(torch.load(f, weights_only=True), f)"));
  EXPECT_FALSE(std::filesystem::exists("/tmp/muster-was-attacked"));
}

TEST_F(TorchFileTest, ReadsAnyRangeOfAViewInRowMajorOrder) {
  const TorchFile file(kFixtures / "views.pth");
  for (const TorchTensor& tensor : file.tensors()) {
    SCOPED_TRACE(tensor.name);
    const std::string whole = bytes_of(file, tensor);
    for (std::int64_t begin = 0; begin <= tensor.numel(); ++begin) {
      for (std::int64_t end = begin; end <= tensor.numel(); ++end) {
        std::string part(static_cast<std::size_t>(end - begin) * 4, '\0');
        file.read(tensor, begin, end, part.data());
        ASSERT_EQ(part, whole.substr(static_cast<std::size_t>(begin) * 4, part.size())) << begin << " to " << end;
      }
    }
    EXPECT_THROW(file.read(tensor, 0, tensor.numel() + 1, nullptr), InvariantError);
  }
  EXPECT_TRUE(file.find("base")->is_dense());
  EXPECT_TRUE(file.find("tail")->is_dense());
  EXPECT_FALSE(file.find("transposed")->is_dense());
  EXPECT_FALSE(file.find("expanded")->is_dense());
}

TEST_F(TorchFileTest, ReadsATransposedTensorLargerThanItsWindow) {
  const std::int64_t rows = 3000;
  const std::int64_t columns = 5000;  // 60 MB
  std::vector<std::int32_t> storage(static_cast<std::size_t>(rows * columns));
  for (std::size_t i = 0; i < storage.size(); ++i) {
    storage[i] = static_cast<std::int32_t>(i);
  }
  const std::string data(reinterpret_cast<const char*>(storage.data()), storage.size() * 4);
  const TorchFile file(
      put(torch_zip(pickled_dict({{"t", pickled_tensor("IntStorage", "0", rows * columns, 0, {columns, rows}, {1, columns})}}), {data})
              .bytes()));
  std::vector<std::int32_t> read(storage.size());
  file.read(file.tensors()[0], 0, rows * columns, read.data());
  for (std::int64_t c = 0; c < columns; ++c) {
    for (std::int64_t r = 0; r < rows; ++r) {
      ASSERT_EQ(read[static_cast<std::size_t>(c * rows + r)], static_cast<std::int32_t>(r * columns + c));
    }
  }
}

TEST_F(TorchFileTest, ChecksEveryTensorAgainstItsStorage) {
  const std::string data(16, '\1');
  const auto with = [&](std::int64_t numel, std::int64_t first, const std::vector<std::int64_t>& shape,
                        const std::vector<std::int64_t>& strides) {
    return torch_zip(pickled_dict({{"w", pickled_tensor("FloatStorage", "0", numel, first, shape, strides)}}), {data}).bytes();
  };
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  EXPECT_NO_THROW(TorchFile(put(with(4, 0, {2, 2}, {2, 1}))));
  EXPECT_NO_THROW(TorchFile(put(with(4, 4, {0, 7}, {7, 1}))));
  EXPECT_THAT(refusal(with(4, 1, {2, 2}, {2, 1})),
              HasSubstr("'w' of shape [2, 2] and strides [2, 1] from element 1 reaches beyond its storage of 4"));
  EXPECT_THAT(refusal(with(4, 5, {0}, {1})), HasSubstr("reaches beyond"));
  EXPECT_THAT(refusal(with(4, 0, {2}, {most})), HasSubstr("reaches beyond"));
  EXPECT_THAT(refusal(with(4, 0, std::vector<std::int64_t>(64, most), std::vector<std::int64_t>(64, most))), HasSubstr("reaches beyond"));
  EXPECT_THAT(refusal(with(4, 0, {most, most, most}, {0, 0, 0})), HasSubstr("far larger than the file"));
  EXPECT_THAT(refusal(with(4, 0, {1 << 30}, {0})), HasSubstr("save it with .contiguous()"));
  EXPECT_THAT(refusal(with(5, 0, {4}, {1})), HasSubstr("'w' has a storage of 5 F32 elements, its entry model/data/0 has 16 bytes"));
  EXPECT_THAT(refusal(with(most, 0, {4}, {1})), HasSubstr("its entry model/data/0 has 16 bytes"));
  EXPECT_THAT(refusal(torch_zip(pickled_dict({{"w", pickled_tensor("FloatStorage", "7", 1, 0, {1}, {1})}})).bytes()),
              HasSubstr("'w' has its data in model/data/7, which the zip does not hold"));
  EXPECT_THAT(refusal(torch_zip(pickled_dict({{"w", pickled_tensor("FloatStorage", "../version", 1, 0, {1}, {1})}})).bytes()),
              HasSubstr("which the zip does not hold"));
}

TEST_F(TorchFileTest, RefusesNamesThatAreNotOne) {
  const std::string one = pickled_tensor("FloatStorage", "0", 1, 0, {1}, {1});
  const auto zip = [&](const std::string& value) { return torch_zip(value, {"1234"}).bytes(); };
  EXPECT_THAT(refusal(zip(pickled_dict({{"a", one}, {"a", one}}))), HasSubstr("the key 'a' comes twice in ''"));
  EXPECT_THAT(refusal(zip("}(K\x01N" + pickled("1") + "Nu")), HasSubstr("the key '1' comes twice"));
  EXPECT_THAT(refusal(zip(pickled_dict({{"a/b", one}, {"a", pickled_dict({{"b", one}})}}))), HasSubstr("two tensors are named 'a/b'"));
  EXPECT_THAT(refusal(zip("})Ns")), HasSubstr("a key in '' is neither a string nor a whole number"));
  EXPECT_THAT(refusal(zip(pickled_dict({{"a", "ccollections\nOrderedDict\n"}}))), HasSubstr("'a' is a function by itself"));
}

TEST_F(TorchFileTest, RefusesTreesThatGrowBeyondTheFile) {
  std::string laughs = "K\x01";
  for (int i = 0; i < 60; ++i) {
    laughs += "2\x86";
  }
  EXPECT_THAT(refusal(torch_zip(laughs).bytes()), HasSubstr("too large for weights"));
  EXPECT_THAT(refusal(torch_zip("]q\x01h\x01"
                                "a")
                          .bytes()),
              HasSubstr("nested deeper than 64 levels"));  // a list that holds itself
  std::string wide = "]q\x01(";
  for (int i = 0; i < 100; ++i) {
    wide += "h\x01";
  }
  EXPECT_THAT(refusal(torch_zip(wide + "e").bytes()), HasSubstr("nested deeper than 64 levels"));
  // One long string in many places.
  std::string copies = pickled(std::string(1 << 20, 'x')) +
                       "q\x01"
                       "0](";
  for (int i = 0; i < 5000; ++i) {
    copies += "h\x01";
  }
  EXPECT_THAT(refusal(torch_zip(copies + "e").bytes()), HasSubstr("too large for weights"));
}

TEST_F(TorchFileTest, RefusesOtherFormsAndSaysHowToConvertThem) {
  EXPECT_THAT(refusal("\x80\x02}."), HasSubstr("a pickle without the zip"));
  EXPECT_THAT(refusal(std::string(257, '\0') + "ustar" + std::string(250, '\0')), HasSubstr("the tar form"));
  EXPECT_THAT(refusal("hello"), HasSubstr("is no file of torch.save"));
  EXPECT_THAT(refusal(""), HasSubstr("is no file of torch.save"));
  using testing_support::StoredZip;
  EXPECT_THAT(refusal(StoredZip().add("a.npy", "x").bytes()), HasSubstr("a zip without data.pkl"));
  EXPECT_THAT(refusal(StoredZip().add("a/data.pkl", "x").add("b/data.pkl", "x").bytes()), HasSubstr("two pickles"));
  EXPECT_THAT(refusal(StoredZip().add("a/data.pkl", "x").add("a/byteorder", "big").bytes()),
              testing::AllOf(HasSubstr("big-endian"), HasSubstr("torch.save(torch.load(f, weights_only=True), f)")));
  EXPECT_THAT(refusal(StoredZip().add("a/data.pkl", "x").add("a/byteorder", "middle").bytes()), HasSubstr("neither little nor big"));
  EXPECT_THAT(refusal(StoredZip().add("a/data.pkl", "x").add("a/code/m.py", "").bytes()), HasSubstr("TorchScript archive"));
  EXPECT_THAT(refusal(StoredZip().add("a/data.pkl", "x").add("a/constants.pkl", "").bytes()), HasSubstr("state_dict(), 'weights.pth')"));
}

TEST_F(TorchFileTest, PointsFromATrainingCheckpointToTheExport) {
  const std::string loader = "ctorch.utils.data.dataloader\nDataLoader\n)\x81";
  EXPECT_THAT(
      refusal(torch_zip(pickled_dict({{"train_model", "}"}, {"train_dataloader", loader}})).bytes()),
      testing::AllOf(HasSubstr("torch.utils.data.dataloader.DataLoader is not allowed"), HasSubstr("exported_models/exported_last.pt")));
  EXPECT_THAT(refusal(torch_zip("clightly_train._data.x\nY\n").bytes()), HasSubstr("exported_last.pt"));
  EXPECT_THAT(refusal(torch_zip(loader).bytes()), testing::Not(HasSubstr("exported_last.pt")));
}

// Opens a damaged file and reads what is left of it; the only way out is a DataError.
bool opens(const std::string& bytes) {
  static testing_support::MemoryFile memory;
  try {
    const TorchFile file(memory.put(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
    for (const TorchTensor& tensor : file.tensors()) {
      bytes_of(file, tensor);
    }
    return true;
  } catch (const DataError&) {
    return false;
  }
}

TEST_F(TorchFileTest, RefusesAFileCutAtAnyByte) {
  for (const char* name : {"state_dict.pth", "protocol5.pth"}) {
    const std::string good = read_file(kFixtures / name);
    for (std::size_t length = 0; length < good.size(); ++length) {
      ASSERT_FALSE(opens(good.substr(0, length))) << name << " cut at " << length;
    }
  }
}

TEST_F(TorchFileTest, DoesNothingButRefuseDamagedBytes) {
  std::mt19937 random(5);  // the test's own source; Muster's results do not depend on it
  for (const char* name : {"views.pth", "light_export.pth", "parameters.pth"}) {
    const std::string good = read_file(kFixtures / name);
    int refused = 0;
    for (std::size_t at = 0; at < good.size(); ++at) {
      std::string bad = good;
      bad[at] ^= static_cast<char>(1u << (random() % 8));
      refused += opens(bad) ? 0 : 1;
    }
    EXPECT_GT(refused, static_cast<int>(good.size()) / 10) << name;  // data and padding are not covered by a check
  }
}

}  // namespace
}  // namespace muster::io
