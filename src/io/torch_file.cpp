#include "io/torch_file.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "core/error.hpp"
#include "io/pickle.hpp"
#include "io/torch_tree.hpp"
#include "io/zip_directory.hpp"

namespace muster::io {
namespace {

constexpr std::int64_t kWindowBytes = 32 << 20;  // read at once of a tensor that is not dense
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
  zip.require_stored(file);
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
  TorchTree tree = read_torch_tree(pickle, entry.bytes, file_, zip, folder);
  values_ = std::move(tree.values);
  tensors_ = std::move(tree.tensors);
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
