// The part of Python's pickle that torch.save needs for weights, run without Python and without calling anything.
//
// A pickle is a program for a small stack machine. Ours knows the opcodes that build None, bool, int, float, str, tuple, list
// and dict, and these names:
//   collections.OrderedDict           an empty dict, or one from a list of pairs
//   torch._utils._rebuild_tensor_v2   a tensor: a view of a storage
//   torch._utils._rebuild_parameter   the tensor inside
//   torch.FloatStorage, ...           element types, inside the persistent ids that name storages
// Whatever else is asked for, by opcode or by name, is refused with its name and its place.
// Opcodes: CPython, Lib/pickletools.py. What torch.save writes: PyTorch, torch/serialization.py and torch/_utils.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/scalar_type.hpp"

namespace muster::io {

// Values live in one list and name each other by their place in it, so sharing (and a cycle) costs nothing.
using PickleId = std::uint32_t;

struct PickleSequence {  // list or tuple
  bool is_tuple = false;
  std::vector<PickleId> items;
};

struct PickleDict {
  bool is_ordered = false;        // a collections.OrderedDict
  std::vector<PickleId> members;  // key, value, key, value, ...
};

struct PickleStorage {
  ScalarType dtype = ScalarType::kF32;
  std::string key;         // of its entry in the zip, "data/<key>"; a number in all known files, at most 64 bytes here
  std::int64_t numel = 0;  // at least 0
};

struct PickleTensor {
  PickleId storage = 0;               // a PickleStorage
  std::int64_t first = 0;             // element of the storage, at least 0
  std::vector<std::int64_t> shape;    // each at least 0
  std::vector<std::int64_t> strides;  // in elements, each at least 0, one for each dimension
};

enum class PickleGlobal : std::uint8_t { kOrderedDict, kRebuildTensor, kRebuildParameter, kStorageType };

struct PickleName {  // a global on the list above, not yet called
  PickleGlobal global = PickleGlobal::kOrderedDict;
  ScalarType dtype = ScalarType::kF32;  // of a storage type
};

using PickleValue = std::variant<std::monostate, bool, std::int64_t, double, std::string, PickleSequence, PickleDict, PickleStorage,
                                 PickleTensor, PickleName>;

struct Pickle {
  std::vector<PickleValue> values;
  PickleId root = 0;
};

inline constexpr std::size_t kMaxPickleBytes = 64u << 20;

// `where` starts every message, as "model.pth: data.pkl". Memory and time are bounded by the length of `text`, which is at most
// kMaxPickleBytes with 4 million values. Throws DataError for text that ends early, is malformed or asks for what is not on the list.
Pickle read_pickle(std::string_view text, std::string_view where);

}  // namespace muster::io
