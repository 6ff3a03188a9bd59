#include "io/safetensors.hpp"

#include <cstring>
#include <fstream>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "support/temporary_folder.hpp"

namespace muster::io {
namespace {

using testing_support::TemporaryFolder;

template <class T>
TensorView view(std::string name, ScalarType type, std::vector<std::int64_t> shape, const std::vector<T>& values) {
  return {std::move(name), type, std::move(shape), reinterpret_cast<const std::byte*>(values.data()), values.size() * sizeof(T)};
}

void put(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// A file with this header and `data_bytes` of data.
std::string file_of(const std::string& header, std::size_t data_bytes) {
  std::uint64_t length = header.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + header + std::string(data_bytes, 'x');
}

class Safetensors : public testing::Test {
 protected:
  std::string refusal(const std::string& bytes) {
    put(folder_ / "bad.safetensors", bytes);
    try {
      const SafetensorsFile file(folder_ / "bad.safetensors");
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("bad.safetensors"));
      return error.what();
    }
    ADD_FAILURE() << "accepted: " << bytes;
    return {};
  }

  TemporaryFolder folder_;
};

TEST_F(Safetensors, ReadsBackWhatItWrote) {
  const std::vector<float> weights{1.5f, -2.0f, 0.25f, 3.0f, 4.0f, 5.0f};
  const std::vector<std::uint16_t> labels{7, 65535};
  const std::vector<double> scalar{0.1};
  const TensorView tensors[] = {view("w", ScalarType::kF32, {2, 3}, weights), view("labels", ScalarType::kU16, {2}, labels),
                                view("scalar", ScalarType::kF64, {}, scalar),
                                view("empty", ScalarType::kI64, {0, 5}, std::vector<std::int64_t>{})};
  write_safetensors(folder_ / "a.safetensors", tensors, {{"format", "pt"}, {"muster", "{\"a\": \"ü\"}"}});

  const SafetensorsFile file(folder_ / "a.safetensors");
  EXPECT_EQ(file.names(), (std::vector<std::string>{"w", "labels", "scalar", "empty"}));
  EXPECT_EQ(file.metadata().at("muster"), "{\"a\": \"ü\"}");
  EXPECT_EQ(file.info("w").shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(file.info("w").offset % 64, 0u);
  EXPECT_EQ(file.info("w").numel(), 6);
  EXPECT_EQ(file.info("scalar").numel(), 1);
  EXPECT_EQ(file.info("empty").bytes, 0u);
  std::vector<float> back(6);
  file.read("w", back.data());
  EXPECT_EQ(back, weights);
  std::vector<std::uint16_t> back_labels(2);
  file.read("labels", back_labels.data());
  EXPECT_EQ(back_labels, labels);
}

TEST_F(Safetensors, NamesTheNearestTensorWhenOneIsMissing) {
  const std::vector<float> one{1.0f};
  const TensorView tensors[] = {view("blocks.0.weight", ScalarType::kF32, {1}, one)};
  write_safetensors(folder_ / "a.safetensors", tensors);
  const SafetensorsFile file(folder_ / "a.safetensors");
  EXPECT_FALSE(file.contains("block.0.weight"));
  try {
    (void)file.info("block.0.weight");
    ADD_FAILURE();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("the nearest name is 'blocks.0.weight'"));
  }
}

TEST_F(Safetensors, TreatsWrongBytesAndEqualNamesAsOurBug) {
  const std::vector<float> one{1.0f};
  const TensorView short_one[] = {view("a", ScalarType::kF32, {2}, one)};
  EXPECT_THROW(write_safetensors(folder_ / "a", short_one), InvariantError);
  const TensorView twice[] = {view("a", ScalarType::kF32, {1}, one), view("a", ScalarType::kF32, {1}, one)};
  EXPECT_THROW(write_safetensors(folder_ / "a", twice), InvariantError);
  EXPECT_THROW(write_safetensors(folder_ / "no" / "folder", {}), OutputError);
}

TEST_F(Safetensors, RefusesEachKindOfMalformedHeader) {
  EXPECT_THAT(refusal("abc"), testing::HasSubstr("3 bytes are too few for a safetensors file; copy or download the file again"));
  EXPECT_THAT(refusal(std::string(8, '\xff') + "{}"), testing::HasSubstr("its header claims 18446744073709551615 bytes, the file has 10"));
  EXPECT_THAT(refusal(file_of("{}" + std::string(17 << 20, ' '), 0)), testing::HasSubstr("at most 16777216 are read"));
  EXPECT_THAT(refusal(file_of("[]", 0)), testing::HasSubstr("no JSON object"));
  EXPECT_THAT(refusal(file_of("{\"a\":", 0)), testing::HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal(file_of(R"({"a":{"dtype":"F8","shape":[1],"data_offsets":[0,1]}})", 1)),
              testing::AllOf(testing::HasSubstr("tensor 'a'"), testing::HasSubstr("'F8'")));
}

TEST_F(Safetensors, RefusesTensorsThatCannotLieWhereTheyAreSaidToBe) {
  const auto tensor = [](const std::string& shape, const std::string& range) {
    return R"({"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + range + "}";
  };
  // Each message names the file (see refusal()), the tensor and the remedy.
  const auto expect = [&](const std::string& header, std::size_t data_bytes, const std::string& message) {
    EXPECT_THAT(refusal(file_of(header, data_bytes)),
                testing::AllOf(testing::HasSubstr(message), testing::HasSubstr("copy or download the file again")));
  };
  const std::string one = tensor("[1]", "[0,4]");
  expect("{\"a\":" + one + "}", 3, "tensor 'a' of shape [1] F32 cannot lie in bytes 0 to 4 of 3");  // cut short
  expect("{\"a\":" + one + "}", 5, "tensors end at byte 4 of the data, which has 5");
  expect("{\"a\":" + one + ",\"a\":" + one + "}", 4, "at a: the key is written twice");
  expect("{\"a\":" + one + ",\"b\":" + one + "}", 4, "tensor 'b' starts at byte 0 of the data, inside 'a', which ends at 4: they overlap");
  expect("{\"a\":" + tensor("[2]", "[0,8]") + ",\"b\":" + tensor("[2]", "[4,12]") + "}", 12,
         "'b' starts at byte 4 of the data, inside 'a'");
  expect("{\"a\":" + one + ",\"b\":" + tensor("[1]", "[8,12]") + "}", 12, "'b' starts at byte 8 of the data, 4 wanted: bytes between");
  expect("{\"a\":" + one + ",\"b\":" + tensor("[1]", "[4,8]") + "}", 6, "tensor 'b' of shape [1] F32 cannot lie in bytes 4 to 8 of 6");
  expect("{\"a\":" + tensor("[2]", "[0,4]") + "}", 8, "tensor 'a' of shape [2] F32 cannot lie in bytes 0 to 4 of 8");
  expect("{\"a\":" + tensor("[-1]", "[0,4]") + "}", 4, "a.shape.0: expected a whole number of at least 0, got the whole number -1");
  expect("{\"a\":" + tensor("[1]", "[4,0]") + "}", 4, "'a' of shape [1] F32 cannot lie in bytes 4 to 0 of 4");
  expect("{\"a\":" + tensor("[1]", "[0,4,4]") + "}", 4, "tensor 'a' has 3 data_offsets, 2 wanted");
  expect("{\"a\":" + tensor("[1.0]", "[0,4]") + "}", 4, "a.shape.0: expected a whole number");
  expect("{\"a\":" + tensor("[4611686018427387905,4]", "[0,4]") + "}", 4, "is larger than the file");  // 2^64 + 4 elements: overflows to 4
  expect("{\"a\":" + tensor("[1]", "[0,18446744073709551615]") + "}", 4, "at a.data_offsets.1: 18446744073709551615 is too large");
  expect(R"({"a":{"dtype":"F32","shape":[1]}})", 4, "the key 'data_offsets' is missing");
  expect(R"({"a":[]})", 4, "at a: expected a map");
  expect(R"({"__metadata__":{"a":1}})", 0, "__metadata__.a: expected a string");  // metadata holds strings alone
}

TEST_F(Safetensors, ReadsPartsOfATensor) {
  const std::vector<float> weights{1.5f, -2.0f, 0.25f};
  const TensorView tensors[] = {view("w", ScalarType::kF32, {3}, weights)};
  write_safetensors(folder_ / "a", tensors);
  const SafetensorsFile file(folder_ / "a");
  float middle = 0;
  file.read_bytes(file.info("w"), 4, 4, &middle);
  EXPECT_EQ(middle, -2.0f);
  EXPECT_THROW(file.read_bytes(file.info("w"), 8, 5, nullptr), InvariantError);
}

TEST_F(Safetensors, NeverDoesAnythingButRefuseDamagedBytes) {
  const std::vector<float> weights{1, 2, 3, 4};
  const TensorView tensors[] = {view("a", ScalarType::kF32, {2, 2}, weights),
                                view("b", ScalarType::kBF16, {0}, std::vector<std::uint16_t>{})};
  write_safetensors(folder_ / "good", tensors, {{"k", "v"}});
  const std::string good = read_file(folder_ / "good");
  std::mt19937 random(3);  // the test's own source; Muster's results do not depend on it
  int refused = 0;
  for (int round = 0; round < 1500; ++round) {
    std::string bad = good;
    if (round % 3 == 0) {
      bad.resize(random() % good.size());
    } else {
      bad[random() % (good.size() - 16)] ^= static_cast<char>(1u << (random() % 8));
      bad[random() % good.size()] = static_cast<char>(random());
    }
    put(folder_ / "bad", bad);
    try {
      const SafetensorsFile file(folder_ / "bad");
      for (const TensorInfo& tensor : file.tensors()) {  // whatever is accepted can be read in full
        std::vector<std::byte> bytes(tensor.bytes);
        file.read(tensor.name, bytes.data());
      }
    } catch (const DataError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 750);
}

}  // namespace
}  // namespace muster::io
