#include "weights/tensor_source.hpp"

#include <cstring>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "io/safetensors.hpp"
#include "support/temporary_folder.hpp"
#include "support/torch_zip.hpp"
#include "weights/cast.hpp"

namespace muster::weights {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing_support::pickled;
using testing_support::pickled_tensor;
using testing_support::TemporaryFolder;
using testing_support::torch_zip;

std::vector<float> counted(std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = 0.5f + static_cast<float>(i) * 0.25f;
  }
  return values;
}

std::string bytes_of(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

class TensorSourceTest : public testing::Test {
 protected:
  void put(const std::string& name, const std::string& bytes) { std::ofstream(folder_ / name, std::ios::binary) << bytes; }

  // One tensor of floats, [n].
  void put_safetensors(const std::string& file, const std::string& tensor, const std::vector<float>& values) {
    const io::TensorView view{tensor,
                              ScalarType::kF32,
                              {static_cast<std::int64_t>(values.size())},
                              reinterpret_cast<const std::byte*>(values.data()),
                              values.size() * sizeof(float)};
    io::write_safetensors(folder_ / file, std::span(&view, 1), {{"format", "pt"}, {"of", file}});
  }

  void put_torch(const std::string& file, const std::string& tensor, const std::vector<float>& values) {
    const auto n = static_cast<std::int64_t>(values.size());
    put(file, torch_zip("}(" + pickled(tensor) + pickled_tensor("FloatStorage", "0", n, 0, {n}, {1}) + pickled("epoch") + "K\x07u",
                        {bytes_of(values)})
                  .bytes());
  }

  std::string refusal(const fs::path& path) {
    try {
      TensorSource::open(path);
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr(path.filename().string()));
      return error.what();
    }
    ADD_FAILURE() << "accepted";
    return {};
  }

  TemporaryFolder folder_;
};

std::vector<float> floats(const TensorSource& source, std::string_view name, std::int64_t begin, std::int64_t end) {
  std::vector<float> values(static_cast<std::size_t>(end - begin));
  source.read(source.at(name), begin, end, ScalarType::kF32, values.data());
  return values;
}

TEST_F(TensorSourceTest, KnowsAFileByItsContentWhateverItsName) {
  put_safetensors("a.pth", "w", counted(6));
  put_torch("b.safetensors", "w", counted(6));
  const TensorSource a = TensorSource::open(folder_ / "a.pth");
  const TensorSource b = TensorSource::open(folder_ / "b.safetensors");
  EXPECT_EQ(a.format(), "safetensors");
  EXPECT_EQ(b.format(), "torch");
  EXPECT_EQ(a.metadata().at("format"), "pt");
  EXPECT_TRUE(a.values().is_null());
  EXPECT_EQ(b.values().at("epoch").as_int(), 7);
  for (const TensorSource& source : {a, b}) {
    ASSERT_EQ(source.tensors().size(), 1u);
    EXPECT_EQ(source.tensors()[0].shape, (std::vector<std::int64_t>{6}));
    EXPECT_EQ(source.tensors()[0].bytes(), 24u);
    EXPECT_EQ(floats(source, "w", 0, 6), counted(6));
    EXPECT_EQ(floats(source, "w", 2, 5), (std::vector<float>{1.0f, 1.25f, 1.5f}));
    EXPECT_TRUE(floats(source, "w", 6, 6).empty());
    EXPECT_EQ(source.find("v"), nullptr);
    EXPECT_THAT([&] { (void)source.at("W"); }, testing::ThrowsMessage<DataError>(HasSubstr("nearest name is 'w'")));
    EXPECT_THROW(source.read(source.at("w"), 0, 7, ScalarType::kF32, nullptr), InvariantError);
  }
}

TEST_F(TensorSourceTest, ReadsALengthThatLooksLikeAnotherFormat) {
  // Header lengths whose first bytes are '{', the start of a pickle, or white space.
  for (const std::uint64_t length : {0x7bu, 0x0280u, 0x20u + 0x40u}) {
    std::string header = R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
    header.resize(length, ' ');
    put("odd", testing_support::raw(length) + header + bytes_of({2.0f}));
    EXPECT_EQ(floats(TensorSource::open(folder_ / "odd"), "w", 0, 1), std::vector<float>{2.0f});
  }
}

TEST_F(TensorSourceTest, CastsRangesOnTheWay) {
  const std::vector<float> values = counted(700'000);  // more than one chunk of 1 MiB
  put_safetensors("a", "w", values);
  const TensorSource source = TensorSource::open(folder_ / "a");
  for (const ScalarType type : {ScalarType::kBF16, ScalarType::kF16, ScalarType::kF64}) {
    std::vector<char> wanted(600'000 * scalar_bytes(type));
    cast(ScalarType::kF32, values.data() + 50'001, type, wanted.data(), 600'000);
    std::vector<char> read(wanted.size());
    source.read(source.at("w"), 50'001, 650'001, type, read.data());
    EXPECT_EQ(std::memcmp(read.data(), wanted.data(), read.size()), 0) << scalar_name(type);
  }
  EXPECT_THAT([&] { source.read(source.at("w"), 0, 1, ScalarType::kI64, nullptr); },
              testing::ThrowsMessage<DataError>(HasSubstr("tensor 'w' is of F32 and I64 is wanted")));
}

TEST_F(TensorSourceTest, ReadsFromManyThreads) {
  const std::vector<float> values = counted(300'000);
  put_torch("a", "w", values);
  const TensorSource source = TensorSource::open(folder_ / "a");
  std::vector<float> read(values.size());
  std::vector<std::thread> threads;
  for (std::int64_t t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] { source.read(source.at("w"), t * 50'000, (t + 1) * 50'000, ScalarType::kF32, read.data() + t * 50'000); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(read, values);
}

TEST_F(TensorSourceTest, PutsTheFilesOfAnIndexTogether) {
  put_safetensors("model-1.safetensors", "a", counted(2));
  put_safetensors("model-2.safetensors", "b", counted(3));
  put("config.json", R"({"model_type": "dinov2", "hidden_size": 4})");
  put("model.safetensors.index.json",
      R"({"metadata": {"total_size": 20}, "weight_map": {"b": "model-2.safetensors", "a": "model-1.safetensors"}})");
  for (const fs::path& path : {folder_.path(), folder_ / "model.safetensors.index.json"}) {
    const TensorSource source = TensorSource::open(path);
    EXPECT_EQ(source.path(), path);
    EXPECT_EQ(source.files().size(), 2u);
    EXPECT_EQ(floats(source, "b", 1, 3), (std::vector<float>{0.75f, 1.0f}));
    EXPECT_EQ(source.metadata().at("of"), "model-1.safetensors");
    EXPECT_EQ(source.config().at("model_type").as_string(), "dinov2");
  }
  put_torch("pytorch_model.bin", "c", counted(1));
  EXPECT_EQ(TensorSource::open(folder_.path()).files().size(), 2u);  // safetensors first
}

TEST_F(TensorSourceTest, RefusesAnIndexThatDoesNotMatchItsFiles) {
  const fs::path index = folder_ / "x.json";
  put_safetensors("1.safetensors", "a", counted(2));
  put_safetensors("2.safetensors", "b", counted(3));
  put_torch("3.pth", "c", counted(3));
  const auto with = [&](const std::string& map) {
    put("x.json", R"({"weight_map": )" + map + "}");
    return refusal(index);
  };
  EXPECT_THAT(with(R"({"a": "1.safetensors", "b": "9.safetensors"})"),
              testing::AllOf(HasSubstr("9.safetensors of its 2 files is missing beside it"), HasSubstr("download it")));
  EXPECT_THAT(with(R"({"a": "1.safetensors", "b": "1.safetensors"})"), HasSubstr("'b' is listed in 1.safetensors, which does not hold it"));
  EXPECT_THAT(with(R"({"a": "2.safetensors", "b": "1.safetensors"})"), HasSubstr("'a' is listed in 2.safetensors, which does not hold it"));
  put_safetensors("4.safetensors", "a", counted(1));
  EXPECT_THAT(with(R"({"a": "1.safetensors", "b": "4.safetensors"})"), HasSubstr("tensor 'a' is both in"));
  EXPECT_THAT(with(R"({"a": "1.safetensors", "c": "3.pth"})"), HasSubstr("is of another format"));
  EXPECT_THAT(with(R"({"a": "../1.safetensors"})"), HasSubstr("'a' is in ../1.safetensors, the name of a file in the same folder"));
  EXPECT_THAT(with(R"({"a": 5})"), HasSubstr("'a' is in a whole number"));
  EXPECT_THAT(with("[]"), HasSubstr("JSON without a weight_map"));
  EXPECT_THAT(with(R"({"a": "1.safetensors", "a": "1.safetensors"})"), HasSubstr("written twice"));
  EXPECT_THAT(with("{"), HasSubstr("not valid JSON"));
  const std::vector<float> both = counted(2);
  const io::TensorView views[] = {{"a", ScalarType::kF32, {1}, reinterpret_cast<const std::byte*>(both.data()), 4},
                                  {"extra", ScalarType::kF32, {1}, reinterpret_cast<const std::byte*>(both.data()), 4}};
  io::write_safetensors(folder_ / "5.safetensors", views);
  EXPECT_THAT(with(R"({"a": "5.safetensors"})"), HasSubstr("holds the tensor 'extra', which the index does not list"));
}

TEST_F(TensorSourceTest, SaysWhatAFileIsThatHoldsNoWeights) {
  const auto with = [&](const std::string& bytes) {
    put("x.bin", bytes);
    return refusal(folder_ / "x.bin");
  };
  EXPECT_THAT(with(""), HasSubstr("is empty; the download failed"));
  EXPECT_THAT(with("<!DOCTYPE html><html>"), HasSubstr("is a web page"));
  EXPECT_THAT(with("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), HasSubstr("git lfs pull"));
  EXPECT_THAT(with("\x89HDF\r\n\x1a\n......."), HasSubstr("neither safetensors nor a file of torch.save"));
  EXPECT_THAT(with(std::string("\x80\x02}.", 4)), HasSubstr("a pickle without the zip"));
  EXPECT_THAT(with(std::string(8, '\xff') + "{}"), HasSubstr("its header claims 18446744073709551615 bytes"));
  EXPECT_THAT(refusal(folder_ / "none.pth"), HasSubstr("No such file"));
  fs::create_directory(folder_ / "empty");
  EXPECT_THAT(refusal(folder_ / "empty"), HasSubstr("(it holds: nothing); name the weight file itself"));
  put_safetensors("model.safetensors", "a", counted(1));
  put("config.json", "{");
  EXPECT_THAT([&] { TensorSource::open(folder_.path()); }, testing::ThrowsMessage<DataError>(HasSubstr("config.json:1:2: not valid JSON")));
}

TEST_F(TensorSourceTest, HashesTensorsNotContainers) {
  put_safetensors("a", "w", counted(6));
  put_torch("b", "w", counted(6));
  put_safetensors("renamed", "v", counted(6));
  std::vector<float> other = counted(6);
  other[5] += 1.0f;
  put_safetensors("changed", "w", other);
  const auto source = [&](const char* name) { return TensorSource::open(folder_ / name); };
  EXPECT_EQ(source("a").hash(), source("b").hash());
  EXPECT_EQ(source("a").hash().size(), 32u);
  EXPECT_NE(source("a").hash(), source("renamed").hash());
  EXPECT_NE(source("a").hash(), source("changed").hash());
  EXPECT_EQ(source("a").table_hash(), source("a").table_hash());
  EXPECT_NE(source("a").table_hash(), source("renamed").table_hash());
  EXPECT_NE(source("a").table_hash(), source("b").table_hash());  // their sizes differ
}

}  // namespace
}  // namespace muster::weights
