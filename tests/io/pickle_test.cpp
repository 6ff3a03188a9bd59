#include "io/pickle.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "support/torch_zip.hpp"

namespace muster::io {
namespace {

using testing::HasSubstr;
using testing_support::kProtocol2;
using testing_support::pickled;
using testing_support::pickled_tensor;
using testing_support::raw;

Pickle run(const std::string& text) {
  return read_pickle(kProtocol2 + text, "m.pth: data.pkl");
}

std::string refusal(const std::string& text) {
  try {
    run(text);
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("m.pth: data.pkl"));
    return error.what();
  }
  ADD_FAILURE() << "accepted";
  return {};
}

template <class T>
T root_of(const std::string& text) {
  const Pickle pickle = run(text);
  return std::get<T>(pickle.values[pickle.root]);
}

TEST(Pickle, ReadsNumbersStringsAndConstants) {
  EXPECT_EQ(root_of<std::int64_t>("J" + raw<std::int32_t>(-5) + "."), -5);
  EXPECT_EQ(root_of<std::int64_t>("K\xff."), 255);
  EXPECT_EQ(root_of<std::int64_t>("M" + raw<std::uint16_t>(65535) + "."), 65535);
  EXPECT_EQ(root_of<std::int64_t>(std::string("\x8a\x00.", 3)), 0);
  EXPECT_EQ(root_of<std::int64_t>("\x8a\x01\xff."), -1);
  EXPECT_EQ(root_of<std::int64_t>(std::string("\x8a\x05\x00\x00\x00\x00\x01.", 8)), std::int64_t{1} << 32);
  EXPECT_EQ(root_of<double>("G" + std::string("\x3f\xb9\x99\x99\x99\x99\x99\x9a", 8) + "."), 0.1);  // struct.pack('>d', 0.1)
  EXPECT_EQ(root_of<std::string>(pickled("grün") + "."), "grün");
  EXPECT_EQ(root_of<std::string>("\x8c\x02ok."), "ok");
  EXPECT_EQ(root_of<std::string>("\x8d" + raw<std::uint64_t>(2) + "ok."), "ok");
  EXPECT_TRUE(root_of<bool>("\x88."));
  EXPECT_FALSE(root_of<bool>("\x89."));
  EXPECT_NO_THROW(root_of<std::monostate>("N."));
}

TEST(Pickle, BuildsListsTuplesAndDictsInEachWay) {
  const auto items = [](const std::string& text) { return root_of<PickleSequence>(text).items.size(); };
  EXPECT_EQ(items("](K\x01K\x02"
                  "e."),
            2u);
  EXPECT_EQ(items("]K\x01"
                  "a."),
            1u);
  EXPECT_EQ(items("(K\x01K\x02l."), 2u);
  EXPECT_EQ(items("(K\x01K\x02K\x03K\x04t."), 4u);
  EXPECT_EQ(items(")."), 0u);
  EXPECT_EQ(items("K\x01\x85."), 1u);
  EXPECT_EQ(items("K\x01K\x02\x86."), 2u);
  EXPECT_EQ(items("K\x01K\x02K\x03\x87."), 3u);
  EXPECT_EQ(items("(1)2"
                  "0."),
            0u);  // a mark taken back, a copy taken back
  EXPECT_EQ(root_of<PickleDict>("}K\x01K\x02s.").members.size(), 2u);
  EXPECT_EQ(root_of<PickleDict>("(K\x01K\x02"
                                "d.")
                .members.size(),
            2u);
  EXPECT_EQ(root_of<PickleDict>("}(K\x01K\x02K\x03K\x04u.").members.size(), 4u);
  EXPECT_TRUE(root_of<PickleDict>("ccollections\nOrderedDict\n)R.").is_ordered);
  EXPECT_EQ(root_of<PickleDict>("ccollections\nOrderedDict\n](K\x01K\x02\x86"
                                "e\x85R.")
                .members.size(),
            2u);
  EXPECT_TRUE(root_of<PickleDict>("ccollections\nOrderedDict\n)R}" + pickled("_metadata") + "}sb.").members.empty());
}

TEST(Pickle, KeepsAndFetchesByNumber) {
  const Pickle pickle =
      run("](K\x07q\x03"
          "0h\x03h\x03j" +
          raw<std::uint32_t>(3) + "e.");
  const auto& list = std::get<PickleSequence>(pickle.values[pickle.root]);
  ASSERT_EQ(list.items.size(), 3u);
  EXPECT_EQ(list.items[0], list.items[2]);
  EXPECT_EQ(std::get<std::int64_t>(pickle.values[list.items[1]]), 7);
  EXPECT_EQ(root_of<PickleSequence>("\x95" + raw<std::uint64_t>(9) +
                                    "K\x01\x94"
                                    "0h" +
                                    std::string(1, '\0') + "\x85.")
                .items.size(),
            1u);
  EXPECT_THAT(refusal("h\x05."), HasSubstr("nothing was kept under 5"));
}

TEST(Pickle, MakesTensorsFromStorages) {
  const std::string text = pickled_tensor("BFloat16Storage", "17", 12, 2, {2, 3}, {3, 1});
  const Pickle pickle = run(text + ".");
  const auto& tensor = std::get<PickleTensor>(pickle.values[pickle.root]);
  const auto& storage = std::get<PickleStorage>(pickle.values[tensor.storage]);
  EXPECT_EQ(storage.key, "17");
  EXPECT_EQ(storage.dtype, ScalarType::kBF16);
  EXPECT_EQ(storage.numel, 12);
  EXPECT_EQ(tensor.first, 2);
  EXPECT_EQ(tensor.shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(tensor.strides, (std::vector<std::int64_t>{3, 1}));
  const Pickle parameter = run("ctorch._utils\n_rebuild_parameter\n(" + text + "\x88" + "ccollections\nOrderedDict\n)RtR.");
  EXPECT_EQ(std::get<PickleTensor>(parameter.values[parameter.root]).shape, (std::vector<std::int64_t>{2, 3}));
}

// Each would run the author's code in Python's pickle.
TEST(Pickle, RefusesEveryGlobalThatIsNotOnTheListByItsName) {
  const auto stack_global = [](const std::string& module, const std::string& name) {
    return "\x8c" + std::string(1, static_cast<char>(module.size())) + module + "\x8c" + std::string(1, static_cast<char>(name.size())) +
           name + "\x93";
  };
  const std::string command = pickled("touch /tmp/muster-was-attacked") + "\x85R.";
  EXPECT_THAT(refusal("cposix\nsystem\n" + command), testing::AllOf(HasSubstr("byte 2: posix.system is not allowed in a weight file"),
                                                                    HasSubstr("such a file runs commands when Python loads it")));
  EXPECT_THAT(refusal(stack_global("posix", "system") + command), HasSubstr("byte 17: posix.system is not allowed"));
  EXPECT_THAT(refusal(stack_global("os", "system") + command), HasSubstr("os.system is not allowed"));
  EXPECT_THAT(refusal("c__builtin__\neval\n" + command), HasSubstr("__builtin__.eval is not allowed"));
  EXPECT_THAT(refusal(stack_global("builtins", "exec") + command), HasSubstr("builtins.exec is not allowed"));
  EXPECT_THAT(refusal("cbuiltins\ngetattr\n(cos\nsystem\n" + pickled("__call__") + "tR."), HasSubstr("builtins.getattr is not allowed"));
  EXPECT_THAT(refusal("csubprocess\nPopen\n" + command), HasSubstr("subprocess.Popen is not allowed"));
  EXPECT_THAT(refusal("cfunctools\npartial\n" + command),
              testing::AllOf(HasSubstr("functools.partial is not allowed"), HasSubstr("if you trust who made it")));
  EXPECT_THAT(refusal("cnumpy.core.multiarray\n_reconstruct\n" + command), HasSubstr("numpy.core.multiarray._reconstruct is not allowed"));
  EXPECT_THAT(refusal("ctorch.storage\n_load_from_bytes\n" + command), HasSubstr("torch.storage._load_from_bytes is not allowed"));
  EXPECT_THAT(refusal("ctorch.serialization\n_get_layout\n" + command), HasSubstr("torch.serialization._get_layout is not allowed"));
  EXPECT_THAT(refusal("ctorch._utils\n_rebuild_parameter_with_state\n" + command),
              HasSubstr("_rebuild_parameter_with_state is not allowed"));
  EXPECT_THAT(refusal("ctorch.jit\nload\n" + command), HasSubstr("torch.jit.load is not allowed"));
  EXPECT_THAT(refusal("c_codecs\nencode\n" + command), HasSubstr("_codecs.encode is not allowed"));
  // Ways around a list of names: attributes behind dots, line ends of another system, letters that are not ASCII.
  EXPECT_THAT(refusal(stack_global("collections", "OrderedDict.fromkeys") + command), HasSubstr("OrderedDict.fromkeys is not allowed"));
  EXPECT_THAT(refusal(stack_global("torch", "_utils.os.system") + command), HasSubstr("torch._utils.os.system is not allowed"));
  EXPECT_THAT(refusal("ccollections\r\nOrderedDict\r\n)R."), HasSubstr("collections?.OrderedDict? is not allowed"));
  EXPECT_THAT(refusal("c\x1b[2J\nx\n."), HasSubstr("?[2J.x is not allowed"));
  EXPECT_THAT(refusal("ctorch\nCharStorage\n."), HasSubstr("tensors of torch.CharStorage are not read; save them as int32"));
}

TEST(Pickle, RefusesEveryOtherOpcodeByItsName) {
  const std::pair<std::string, std::string> opcodes[] = {{"(" + pickled("x") + "ios\nsystem\n.", "INST"},
                                                         {"(ccollections\nOrderedDict\no.", "OBJ"},
                                                         {"ccollections\nOrderedDict\n)\x81.", "NEWOBJ"},
                                                         {"ccollections\nOrderedDict\n)}\x92.", "NEWOBJ_EX"},
                                                         {"\x82\x01.", "EXT1"},
                                                         {"\x83\x01\x01.", "EXT2"},
                                                         {"\x84\x01\x01\x01\x01.", "EXT4"},
                                                         {"Pwhere\n.", "PERSID"},
                                                         {"S'os.system'\n.", "STRING"},
                                                         {"Vtext\n.", "UNICODE"},
                                                         {"I5\n.", "INT"},
                                                         {"L5L\n.", "LONG"},
                                                         {"F5.0\n.", "FLOAT"},
                                                         {"U\x01x.", "SHORT_BINSTRING"},
                                                         {"T" + raw<std::uint32_t>(1) + "x.", "BINSTRING"},
                                                         {"C\x01x.", "SHORT_BINBYTES"},
                                                         {"\x8b" + raw<std::uint32_t>(1) + "x.", "LONG4"},
                                                         {"\x8f.", "EMPTY_SET"},
                                                         {"\x97.", "NEXT_BUFFER"}};
  for (const auto& [text, name] : opcodes) {
    EXPECT_THAT(refusal(text), HasSubstr("the pickle opcode " + name + " is not allowed in a weight file"));
  }
  EXPECT_THAT(refusal("\xfe."), HasSubstr("0xfe is no pickle opcode"));
}

TEST(Pickle, CallsNothingWithOtherArguments) {
  const std::string dict = "ccollections\nOrderedDict\n";
  EXPECT_THAT(refusal(dict + "K\x01K\x02\x86R."), HasSubstr("an OrderedDict has 2 arguments"));
  EXPECT_THAT(refusal(dict + "K\x01\x85R."), HasSubstr("a list of pairs is wanted"));
  EXPECT_THAT(refusal(dict + "]R."), HasSubstr("a tuple of arguments is wanted"));
  EXPECT_THAT(refusal(dict + "]K\x05"
                             "a\x85R."),
              HasSubstr("a pair is wanted"));
  EXPECT_THAT(refusal("K\x05)R."), HasSubstr("the name of a function is wanted"));
  EXPECT_THAT(refusal("ctorch\nFloatStorage\n)R."), HasSubstr("a storage is called like a function"));
  EXPECT_THAT(refusal("ctorch._utils\n_rebuild_tensor_v2\n)R."), HasSubstr("a tensor has 0 arguments"));
  EXPECT_THAT(refusal("ctorch._utils\n_rebuild_parameter\nNNN\x87R."), HasSubstr("a tensor is wanted"));
  EXPECT_THAT(refusal("K\x01Q."), HasSubstr("the id of a storage is wanted"));
  EXPECT_THAT(refusal("(" + pickled("module") + "NNNNtQ."), HasSubstr("has 5 parts, ('storage'"));
  EXPECT_THAT(refusal("(" + pickled("storage") + "ccollections\nOrderedDict\n" + pickled("0") + "NK\x01tQ."), HasSubstr("a storage type"));
  EXPECT_THAT(refusal("(" + pickled("storage") + "ctorch\nFloatStorage\n" + pickled(std::string(65, '1')) + "NK\x01tQ."),
              HasSubstr("a key of at most 64 bytes"));
  EXPECT_THAT(refusal(pickled_tensor("FloatStorage", "0", 4, -1, {1}, {1}) + "."), HasSubstr("-1 is negative"));
  EXPECT_THAT(refusal(pickled_tensor("FloatStorage", "0", 4, 0, {1}, {-1}) + "."), HasSubstr("-1 is negative"));
  EXPECT_THAT(refusal(pickled_tensor("FloatStorage", "0", 4, 0, {1, 1}, {1}) + "."), HasSubstr("2 dimensions and 1 strides"));
  EXPECT_THAT(refusal(pickled_tensor("FloatStorage", "0", 4, 0, std::vector<std::int64_t>(65, 1), {1}) + "."), HasSubstr("65 items"));
  // BUILD sets attributes, on classes too.
  EXPECT_THAT(refusal("}}b."), HasSubstr("attributes are set on something that is no OrderedDict"));
  EXPECT_THAT(refusal(dict + ")RN}\x86"
                             "b."),
              HasSubstr("attributes are set"));
  EXPECT_THAT(refusal(dict + "}b."), HasSubstr("an OrderedDict is wanted"));
}

TEST(Pickle, RefusesTextThatIsCutOrMadeUp) {
  EXPECT_THAT(refusal(""), HasSubstr("1 bytes are wanted where 0 are left"));
  EXPECT_THAT(refusal("."), HasSubstr("ends with 0 values"));
  EXPECT_THAT(refusal("NN."), HasSubstr("ends with 2 values"));
  EXPECT_THAT(refusal("(N."), HasSubstr("1 marks"));
  EXPECT_THAT(refusal("0."), HasSubstr("1 values are wanted on its stack"));
  EXPECT_THAT(refusal("N(\x85."), HasSubstr("1 values are wanted on its stack"));  // below the mark is not there
  EXPECT_THAT(refusal("t."), HasSubstr("no mark"));
  EXPECT_THAT(refusal("Na."), HasSubstr("1 values are wanted"));
  EXPECT_THAT(refusal("NNa."), HasSubstr("a list is wanted"));
  EXPECT_THAT(refusal(")Na."), HasSubstr("a list is wanted"));
  EXPECT_THAT(refusal("}(Nu."), HasSubstr("a key of a dict has no value"));
  EXPECT_THAT(refusal("cos"), HasSubstr("a name has no end"));
  EXPECT_THAT(refusal("NN\x93."), HasSubstr("is wanted here"));
  EXPECT_THAT(refusal("\x8d" + raw(~std::uint64_t{0}) + "."), HasSubstr("18446744073709551615 bytes are wanted where 1 are left"));
  EXPECT_THAT(refusal("\x8c\x02\xc3\x28."), HasSubstr("not UTF-8"));
  EXPECT_THAT(refusal("\x8a\x09" + std::string(9, '\1') + "."), HasSubstr("whole number of 9 bytes is too large"));
  EXPECT_THAT([] { read_pickle("(dp0\n.", "m.pth: data.pkl"); },
              testing::ThrowsMessage<DataError>(HasSubstr("no pickle of protocol 2 to 5")));
  EXPECT_THAT([] { read_pickle("\x80\x06N.", "x"); }, testing::ThrowsMessage<DataError>(HasSubstr("no pickle of protocol 2 to 5")));
}

TEST(Pickle, HoldsNoMoreThanItsTextCanPayFor) {
  // Two bytes double the tree each time: 2^200 leaves, 200 values here.
  std::string laughs = "K\x01";
  for (int i = 0; i < 200; ++i) {
    laughs += "2\x86";
  }
  EXPECT_EQ(run(laughs + ".").values.size(), 201u);
  // One pair named a million times by a list, and an OrderedDict made of it again and again.
  std::string repeated =
      "K\x01K\x02\x86q\x01"
      "0](";
  for (int i = 0; i < 1'000'000; ++i) {
    repeated += "h\x01";
  }
  repeated +=
      "e\x85q\x02"
      "0";
  for (int i = 0; i < 50; ++i) {
    repeated += "ccollections\nOrderedDict\nh\x02R0";
  }
  EXPECT_THAT(refusal(repeated + "N."), HasSubstr("repeat more than 4000000 values"));
  EXPECT_THAT(refusal(std::string(5'000'000, 'N')), HasSubstr("more than 4000000 values"));
  EXPECT_THAT(refusal(std::string(5'000'000, '(')), HasSubstr("more than 4000000 marks"));
  EXPECT_THAT(refusal("N" + std::string(5'000'000, '2')), HasSubstr("more than 4000000 values"));
}

}  // namespace
}  // namespace muster::io
