#include "io/torch_file.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <unordered_set>
#include <utility>

#include <fmt/ranges.h>

#include "core/error.hpp"
#include "io/pickle.hpp"
#include "io/zip_directory.hpp"

namespace muster::io {
namespace {

constexpr int kMaxDepth = 64;  // of dicts in dicts; the tree is walked by recursion
constexpr std::size_t kMaxNodes = 4'000'000;
constexpr std::size_t kMaxTreeBytes = 1u << 30;      // of strings and names in the tree
constexpr std::uint64_t kExpandedBytes = 64u << 20;  // what a tensor may have beyond the size of the file (strides of 0)
constexpr std::int64_t kWindowBytes = 32 << 20;      // read at once of a tensor that is not dense
constexpr const char* kDamaged = "the file is damaged or cut short: copy or download it again";
constexpr const char* kConvert = "write it again with a recent PyTorch, in Python: torch.save(torch.load(f, weights_only=True), f)";

// What else has been called .pth, told apart by its first bytes.
void refuse_other_forms(const InputFile& file) {
  constexpr std::string_view kZip("PK\x03\x04", 4);
  constexpr std::string_view kLegacy("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 14);  // 0x1950a86a20f9469cfc6c as a LONG1
  std::string head(std::min<std::uint64_t>(file.bytes(), 512), '\0');
  file.read(0, head.size(), head.data());
  const std::string name = file.path().string();
  if (head.starts_with(kZip)) {
    return;
  }
  if (head.starts_with(kLegacy)) {
    throw DataError("{} has the form that torch.save wrote before PyTorch 1.6, which is not read; {}", name, kConvert);
  }
  if (head.size() > 2 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5) {
    throw DataError("{} is a pickle without the zip around it that torch.save writes; load it in Python and write it with torch.save",
                    name);
  }
  if (head.size() > 262 && head.compare(257, 5, "ustar") == 0) {
    throw DataError("{} has the tar form of the first PyTorch versions, which is not read; {}", name, kConvert);
  }
  throw DataError("{} is no file of torch.save: it does not start as a zip; check what was downloaded", name);
}

// torch.save puts everything into one folder, mostly named like the file.
std::string folder_of(const ZipDirectory& zip, const std::string& file_name) {
  constexpr std::string_view kPickle = "/data.pkl";
  std::optional<std::string> folder;
  for (const ZipEntry& entry : zip.entries()) {
    if (entry.name.ends_with(kPickle) && entry.name.find('/') == entry.name.size() - kPickle.size()) {
      if (folder) {
        throw DataError("{} holds two pickles, {} and {}{}; torch.save writes one", file_name, entry.name, *folder, kPickle);
      }
      folder = entry.name.substr(0, entry.name.size() - kPickle.size());
    }
  }
  if (!folder) {
    throw DataError("{} is a zip without data.pkl, so torch.save did not write it; unpack it if weights are inside", file_name);
  }
  return *folder;
}

std::string read_entry(const InputFile& file, const ZipEntry& entry) {
  std::string bytes(entry.bytes, '\0');
  file.read(entry.offset, entry.bytes, bytes.data());
  return bytes;
}

void refuse_other_contents(const InputFile& file, const ZipDirectory& zip, const std::string& folder) {
  const std::string name = file.path().string();
  for (const ZipEntry& entry : zip.entries()) {
    if (entry.name == folder + "/constants.pkl" || entry.name.starts_with(folder + "/code/")) {
      throw DataError(
          "{} is a TorchScript archive, a program and not weights alone; in Python: "
          "torch.save(torch.jit.load(f).state_dict(), 'weights.pth')",
          name);
    }
  }
  const ZipEntry* order = zip.find(folder + "/byteorder");
  if (order == nullptr) {
    return;  // older than PyTorch 2.1, little-endian on every machine that counts
  }
  const std::string text = order->bytes <= 6 ? read_entry(file, *order) : "longer";
  if (text == "big") {
    throw DataError("{} was written on a big-endian machine, which is not read; {}", name, kConvert);
  }
  if (text != "little") {
    throw DataError("{}: its byte order is neither little nor big; {}", name, kDamaged);
  }
}

// Makes names, tensors and a Value from what the pickle left.
class Tree {
 public:
  Tree(const InputFile& file, const ZipDirectory& zip, std::string folder, const Pickle& pickle, std::size_t pickle_bytes)
      : file_(file),
        zip_(zip),
        folder_(std::move(folder)),
        pickle_(pickle),
        bytes_left_(std::min(64 * pickle_bytes + (1u << 20), kMaxTreeBytes)) {}

  Value values() {
    std::optional<Value> root = convert(pickle_.root, 0);
    return root ? std::move(*root) : Value();
  }
  std::vector<TorchTensor> take_tensors() { return std::move(tensors_); }

 private:
  std::string path() const { return file_.path().string(); }

  // A small pickle can name one value very often; the tree repeats it each time.
  void pay(std::size_t bytes) {
    ++nodes_;
    if (nodes_ > kMaxNodes || bytes > bytes_left_) {
      throw DataError("{} describes a tree that is too large for weights: more than {} values, or names far longer than the file; {}",
                      path(), std::min(nodes_, kMaxNodes), kConvert);
    }
    bytes_left_ -= bytes;
  }

  // Nothing for a tensor, which is kept in tensors_. name_ = the keys that lead here.
  std::optional<Value> convert(PickleId id, int depth) {
    if (depth > kMaxDepth) {
      throw DataError("{}: '{}...' is nested deeper than {} levels; keep the state dict alone and save it again", path(),
                      name_.substr(0, 80), kMaxDepth);
    }
    pay(name_.size());
    const PickleValue& value = pickle_.values[id];
    if (const auto* tensor = std::get_if<PickleTensor>(&value)) {
      add_tensor(*tensor);
      return std::nullopt;
    }
    Value made = convert_plain(value, depth);
    made.set_where(fmt::format("{} at '{}'", path(), name_));
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
    throw DataError("{}: '{}' is a {} by itself, a value or a tensor is wanted; keep the state dict alone and save it again", path(), name_,
                    std::holds_alternative<PickleStorage>(value) ? "storage" : "function");
  }

  Value convert_dict(const PickleDict& dict, int depth) {
    Value::Map members;
    std::unordered_set<std::string> keys;
    for (std::size_t i = 0; i < dict.members.size(); i += 2) {
      std::string key = key_text(dict.members[i]);
      if (!keys.insert(key).second) {
        throw DataError("{}: the key '{}' comes twice in '{}'; {}", path(), key, name_, kDamaged);
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
                      kDamaged);
    }
    const std::uint64_t element = scalar_bytes(storage.dtype);
    if (entry->bytes % element != 0 || entry->bytes / element != static_cast<std::uint64_t>(storage.numel)) {
      throw DataError("{}: tensor '{}' has a storage of {} {} elements, its entry {} has {} bytes; {}", path(), name_, storage.numel,
                      scalar_name(storage.dtype), entry->name, entry->bytes, kDamaged);
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
                      path(), name_, fmt::join(view.shape, ", "), fmt::join(view.strides, ", "), view.first, storage_numel, kDamaged);
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
  std::size_t bytes_left_;
  std::size_t nodes_ = 0;
  std::string name_;
  std::vector<TorchTensor> tensors_;
};

// Calls visit(i, source) for i = 0 .. end - begin: element begin + i of the tensor is element `source` after its first.
template <class Visit>
void for_each_source(const TorchTensor& tensor, std::int64_t begin, std::int64_t end, Visit visit) {
  const std::size_t dimensions = tensor.shape.size();
  std::vector<std::int64_t> index(dimensions);
  std::int64_t source = 0;
  std::int64_t rest = begin;
  for (std::size_t d = dimensions; d-- > 0; rest /= tensor.shape[d]) {
    index[d] = rest % tensor.shape[d];
    source += index[d] * tensor.strides[d];
  }
  for (std::int64_t i = begin; i < end; ++i) {
    visit(i - begin, source);
    for (std::size_t d = dimensions; d-- > 0;) {
      if (++index[d] < tensor.shape[d]) {
        source += tensor.strides[d];
        break;
      }
      source -= (tensor.shape[d] - 1) * tensor.strides[d];
      index[d] = 0;
    }
  }
}

// Reads the part of the storage that the range covers, window by window, and puts each element where it belongs.
void read_strided(const InputFile& file, const TorchTensor& tensor, std::int64_t begin, std::int64_t end, char* destination) {
  const auto element = static_cast<std::int64_t>(scalar_bytes(tensor.dtype));
  std::int64_t low = std::numeric_limits<std::int64_t>::max();
  std::int64_t high = 0;  // past the last
  for_each_source(tensor, begin, end, [&](std::int64_t, std::int64_t source) {
    low = std::min(low, source);
    high = std::max(high, source + 1);
  });
  std::vector<char> window;
  for (std::int64_t from = low; from < high;) {
    const std::int64_t to = std::min(high, from + kWindowBytes / element);
    window.resize(static_cast<std::size_t>((to - from) * element));
    file.read(tensor.offset + static_cast<std::uint64_t>(from * element), window.size(), window.data());
    for_each_source(tensor, begin, end, [&](std::int64_t i, std::int64_t source) {
      if (source >= from && source < to) {
        std::memcpy(destination + i * element, window.data() + (source - from) * element, static_cast<std::size_t>(element));
      }
    });
    from = to;
  }
}

}  // namespace

std::int64_t TorchTensor::numel() const noexcept {
  std::int64_t numel = 1;
  for (const std::int64_t length : shape) {
    if (length == 0) {
      return 0;  // before the others can overflow
    }
  }
  for (const std::int64_t length : shape) {
    numel *= length;
  }
  return numel;
}

bool TorchTensor::is_dense() const noexcept {
  if (numel() == 0) {
    return true;
  }
  std::int64_t expected = 1;
  for (std::size_t d = shape.size(); d-- > 0;) {
    if (shape[d] != 1 && strides[d] != expected) {
      return false;
    }
    expected *= shape[d];
  }
  return true;
}

TorchFile::TorchFile(const std::filesystem::path& path) : file_(path) {
  refuse_other_forms(file_);
  const ZipDirectory zip(file_);
  const std::string folder = folder_of(zip, path.string());
  refuse_other_contents(file_, zip, folder);
  const ZipEntry& entry = *zip.find(folder + "/data.pkl");
  if (entry.bytes > kMaxPickleBytes) {
    throw DataError("{}: {} has {} bytes, at most {} are read: this is more than the description of weights", path.string(), entry.name,
                    entry.bytes, kMaxPickleBytes);
  }
  const Pickle pickle = read_pickle(read_entry(file_, entry), fmt::format("{}: {}", path.string(), entry.name));
  Tree tree(file_, zip, folder, pickle, entry.bytes);
  values_ = tree.values();
  tensors_ = tree.take_tensors();
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (!index_.emplace(tensors_[i].name, i).second) {
      throw DataError("{}: two tensors are named '{}' when keys are joined by '/'; rename one and save the file again", path.string(),
                      tensors_[i].name);
    }
  }
}

const TorchTensor* TorchFile::find(std::string_view name) const {
  const auto found = index_.find(std::string(name));
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

void TorchFile::read(const TorchTensor& tensor, std::int64_t begin, std::int64_t end, void* destination) const {
  check(begin >= 0 && begin <= end && end <= tensor.numel(), "tensor {}: elements {} to {} of {}", tensor.name, begin, end, tensor.numel());
  const std::uint64_t element = scalar_bytes(tensor.dtype);
  if (tensor.is_dense()) {
    file_.read(tensor.offset + static_cast<std::uint64_t>(begin) * element, static_cast<std::uint64_t>(end - begin) * element, destination);
  } else {
    read_strided(file_, tensor, begin, end, static_cast<char*>(destination));
  }
}

}  // namespace muster::io
