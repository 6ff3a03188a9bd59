#include "io/torch_tree.hpp"

#include <algorithm>
#include <optional>
#include <unordered_set>
#include <utility>

#include <fmt/ranges.h>

#include "core/error.hpp"

namespace muster::io {
namespace {

constexpr int kMaxDictDepth = 64;  // of dicts in dicts; the tree is walked by recursion
constexpr std::size_t kMaxTreeNodes = 1'000'000;
constexpr std::size_t kNodesPerByte = 8;             // of the pickle: two bytes fetch a value again, mostly a number or a short tuple
constexpr std::size_t kMaxTreeBytes = 1u << 30;      // of strings and names in the tree
constexpr std::uint64_t kExpandedBytes = 64u << 20;  // what a tensor may have beyond the size of the file (strides of 0)
constexpr const char* kTreeRemedy = "the file is damaged or cut short: copy or download it again";
constexpr const char* kKeepTensors = "keep the state dict alone and save it again";

class Converter {
 public:
  Converter(const InputFile& file, const ZipDirectory& zip, std::string folder, const Pickle& pickle, std::size_t pickle_bytes)
      : file_(file),
        zip_(zip),
        folder_(std::move(folder)),
        pickle_(pickle),
        nodes_left_(std::min(kNodesPerByte * pickle_bytes + 4096, kMaxTreeNodes)),
        bytes_left_(std::min(64 * pickle_bytes + (1u << 20), kMaxTreeBytes)) {}

  TorchTree run() {
    std::optional<Value> root = convert(pickle_.root, 0);
    return {.values = std::move(root).value_or(Value()), .tensors = std::move(tensors_)};
  }

 private:
  std::string path() const { return file_.path().string(); }

  // A small pickle can name one value very often; the tree repeats it each time.
  void pay(std::size_t bytes) {
    if (nodes_left_ == 0 || bytes > bytes_left_) {
      throw DataError("{} describes a tree that is too large for weights: it repeats its values or names far beyond its own length; {}",
                      path(), kKeepTensors);
    }
    --nodes_left_;
    bytes_left_ -= bytes;
  }

  // Nothing for a tensor, which is kept in tensors_. name_ = the keys that lead here.
  std::optional<Value> convert(PickleId id, int depth) {
    if (depth > kMaxDictDepth) {
      throw DataError("{}: '{}...' is nested deeper than {} levels; {}", path(), name_.substr(0, 80), kMaxDictDepth, kKeepTensors);
    }
    pay(name_.size());
    const PickleValue& value = pickle_.values[id];
    if (const auto* tensor = std::get_if<PickleTensor>(&value)) {
      add_tensor(*tensor);
      return std::nullopt;
    }
    Value made = convert_plain(value, depth);
    made.set_where(fmt::format("{} at '{}'", file_.path().filename().string(), name_));
    return made;
  }

  Value convert_plain(const PickleValue& value, int depth) {
    if (const auto* dict = std::get_if<PickleDict>(&value)) {
      return convert_dict(*dict, depth);
    }
    if (const auto* sequence = std::get_if<PickleSequence>(&value)) {
      return convert_sequence(*sequence, depth);
    }
    if (const auto* text = std::get_if<std::string>(&value)) {
      pay(text->size());
      return {*text};
    }
    if (const auto* flag = std::get_if<bool>(&value)) {
      return {*flag};
    }
    if (const auto* whole = std::get_if<std::int64_t>(&value)) {
      return {*whole};
    }
    if (const auto* number = std::get_if<double>(&value)) {
      return {*number};
    }
    if (std::holds_alternative<std::monostate>(value)) {
      return {};
    }
    throw DataError("{}: '{}' is a {} by itself, a value or a tensor is wanted; {}", path(), name_,
                    std::holds_alternative<PickleStorage>(value) ? "storage" : "function", kKeepTensors);
  }

  Value convert_dict(const PickleDict& dict, int depth) {
    Value::Map members;
    std::unordered_set<std::string> keys;
    for (std::size_t i = 0; i < dict.members.size(); i += 2) {
      std::string key = key_text(dict.members[i]);
      if (!keys.insert(key).second) {
        throw DataError("{}: the key '{}' comes twice in '{}'; {}", path(), key, name_, kTreeRemedy);
      }
      pay(key.size());
      if (std::optional<Value> member = convert_below(key, dict.members[i + 1], depth)) {
        members.push_back({std::move(key), std::move(*member)});
      }
    }
    return Value(std::move(members));
  }

  Value convert_sequence(const PickleSequence& sequence, int depth) {
    Value::List items;
    for (std::size_t i = 0; i < sequence.items.size(); ++i) {
      items.push_back(convert_below(std::to_string(i), sequence.items[i], depth).value_or(Value()));
    }
    return {std::move(items)};
  }

  std::optional<Value> convert_below(const std::string& key, PickleId id, int depth) {
    const std::size_t length = name_.size();
    name_ += (depth == 0 ? "" : "/") + key;
    std::optional<Value> value = convert(id, depth + 1);
    name_.resize(length);
    return value;
  }

  std::string key_text(PickleId id) const {
    const PickleValue& key = pickle_.values[id];
    if (const auto* text = std::get_if<std::string>(&key)) {
      return *text;
    }
    if (const auto* whole = std::get_if<std::int64_t>(&key)) {
      return std::to_string(*whole);
    }
    if (const auto* flag = std::get_if<bool>(&key)) {
      return *flag ? "true" : "false";
    }
    throw DataError("{}: a key in '{}' is neither a string nor a whole number; keep the state dict alone and save it again", path(), name_);
  }

  void add_tensor(const PickleTensor& view) {
    const auto& storage = std::get<PickleStorage>(pickle_.values[view.storage]);
    const ZipEntry* entry = zip_.find(folder_ + "/data/" + storage.key);
    if (entry == nullptr) {
      throw DataError("{}: tensor '{}' has its data in {}/data/{}, which the zip does not hold; {}", path(), name_, folder_, storage.key,
                      kTreeRemedy);
    }
    const std::uint64_t element = scalar_bytes(storage.dtype);
    if (entry->bytes % element != 0 || entry->bytes / element != static_cast<std::uint64_t>(storage.numel)) {
      throw DataError("{}: tensor '{}' has a storage of {} {} elements, its entry {} has {} bytes; {}", path(), name_, storage.numel,
                      scalar_name(storage.dtype), entry->name, entry->bytes, kTreeRemedy);
    }
    check_extent(view, storage.numel, element);
    tensors_.push_back({.name = name_,
                        .dtype = storage.dtype,
                        .shape = view.shape,
                        .strides = view.strides,
                        .offset = entry->offset + static_cast<std::uint64_t>(view.first) * element});
  }

  // All its elements lie in the storage, and there are not absurdly many of them (a stride of 0 repeats elements).
  void check_extent(const PickleTensor& view, std::int64_t storage_numel, std::uint64_t element) const {
    const bool empty = std::find(view.shape.begin(), view.shape.end(), 0) != view.shape.end();
    __int128 last = view.first;
    unsigned __int128 bytes = element;
    const unsigned __int128 most = file_.bytes() + kExpandedBytes;
    for (std::size_t d = 0; d < view.shape.size() && !empty && last < storage_numel; ++d) {
      last += static_cast<__int128>(view.shape[d] - 1) * view.strides[d];  // below 2^63 + 2^126: cannot overflow
      bytes = std::min(bytes * static_cast<std::uint64_t>(view.shape[d]), most + 1);
    }
    if (empty ? view.first > storage_numel : last >= storage_numel) {
      throw DataError("{}: tensor '{}' of shape [{}] and strides [{}] from element {} reaches beyond its storage of {} elements; {}",
                      path(), name_, fmt::join(view.shape, ", "), fmt::join(view.strides, ", "), view.first, storage_numel, kTreeRemedy);
    }
    if (!empty && bytes > most) {
      throw DataError(
          "{}: tensor '{}' of shape [{}] is far larger than the file: its strides [{}] repeat elements; save it with .contiguous()", path(),
          name_, fmt::join(view.shape, ", "), fmt::join(view.strides, ", "));
    }
  }

  const InputFile& file_;
  const ZipDirectory& zip_;
  std::string folder_;
  const Pickle& pickle_;
  std::size_t nodes_left_;
  std::size_t bytes_left_;
  std::string name_;
  std::vector<TorchTensor> tensors_;
};

}  // namespace

TorchTree read_torch_tree(const Pickle& pickle, std::size_t pickle_bytes, const InputFile& file, const ZipDirectory& zip,
                          const std::string& folder) {
  return Converter(file, zip, folder, pickle, pickle_bytes).run();
}

}  // namespace muster::io
