#include "weights/tensor_source.hpp"

#include <algorithm>
#include <cctype>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <variant>

#include <fmt/ranges.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "core/hash.hpp"
#include "core/nearest_name.hpp"
#include "io/input_file.hpp"
#include "io/safetensors.hpp"
#include "io/torch_file.hpp"
#include "weights/cast.hpp"

namespace muster::weights {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kCastBytes = 1 << 20;  // read at once when elements are cast
constexpr std::int64_t kHashBytes = 4 << 20;  // read at once by hash()
constexpr std::uint64_t kMaxIndexBytes = 64u << 20;
constexpr const char* kFolderFiles[] = {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
                                        "pytorch_model.bin.index.json"};

using File = std::variant<io::SafetensorsFile, io::TorchFile>;

enum class Content { kSafetensors, kTorch, kIndex };

// By the first bytes. Says what a file is that holds no weights, as far as downloads go wrong in known ways.
Content content_of(const fs::path& path) {
  const io::InputFile file(path);
  std::string head(std::min<std::uint64_t>(file.bytes(), 512), '\0');
  file.read(0, head.size(), head.data());
  const auto at = [&](std::size_t i) { return i < head.size() ? static_cast<unsigned char>(head[i]) : 0; };
  const auto first = std::find_if(head.begin(), head.end(), [](unsigned char letter) { return std::isspace(letter) == 0; });
  if (head.starts_with("PK")) {
    return Content::kTorch;
  }
  // A length of 64 bits, little-endian, then the JSON; text has no zero bytes.
  if (at(8) == '{' && (at(7) == 0 || (first != head.end() && *first != '{'))) {
    return Content::kSafetensors;
  }
  if (first != head.end() && *first == '{') {
    return Content::kIndex;
  }
  if ((at(0) == 0x80 && at(1) >= 2 && at(1) <= 5) || (head.size() > 262 && head.compare(257, 5, "ustar") == 0)) {
    return Content::kTorch;  // its older forms, which TorchFile refuses with the way to convert them
  }
  if (head.empty()) {
    throw DataError("{} is empty; the download failed: get it again", path.string());
  }
  if (head.starts_with("version https://git-lfs")) {
    throw DataError("{} is a pointer of git LFS, not the file itself; run `git lfs pull` in its folder or download the file",
                    path.string());
  }
  if (first != head.end() && *first == '<') {
    throw DataError("{} is a web page, not a weight file; the download needs a login or another address", path.string());
  }
  throw DataError("{} is neither safetensors nor a file of torch.save nor an index of such files; check what was downloaded",
                  path.string());
}

io::Value parse_json_file(const fs::path& path) {
  if (io::InputFile(path).bytes() > kMaxIndexBytes) {
    throw DataError("{} has more than {} bytes: this is no index or description of weights", path.string(), kMaxIndexBytes);
  }
  try {
    return io::parse_json(read_file(path), path.string());
  } catch (const ConfigError& error) {
    throw DataError("{}; copy or download the file again", error.what());
  }
}

// What cannot be looked at is not there; opening it gives the reason.
bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// The file of a folder that stands for it.
fs::path file_in(const fs::path& folder) {
  for (const char* name : kFolderFiles) {
    if (is_there(folder / name)) {
      return folder / name;
    }
  }
  std::vector<std::string> seen;
  std::error_code unreadable;  // then nothing is seen, which the message says
  for (const auto& entry : fs::directory_iterator(folder, unreadable)) {
    seen.push_back(entry.path().filename().string());
  }
  std::sort(seen.begin(), seen.end());
  const std::size_t shown = std::min<std::size_t>(seen.size(), 4);
  throw DataError(
      "{} holds neither {}, {} nor {} (it holds: {}{}); name the weight file itself", folder.string(), kFolderFiles[0], kFolderFiles[1],
      kFolderFiles[2],
      shown == 0 ? "nothing" : fmt::format("{}", fmt::join(seen.begin(), seen.begin() + static_cast<std::ptrdiff_t>(shown), ", ")),
      shown < seen.size() ? fmt::format(" and {} more", seen.size() - shown) : "");
}

std::string joined(const std::vector<std::int64_t>& shape) {
  return fmt::format("{}", fmt::join(shape, "x"));
}

}  // namespace

struct TensorSource::State {
  fs::path path;
  std::vector<File> files;
  std::vector<fs::path> paths;
  std::vector<std::uint64_t> file_bytes;
  std::vector<StoredTensor> tensors;
  std::unordered_map<std::string, std::size_t> index;
  std::map<std::string, std::string> metadata;
  io::Value config;

  void add_file(const fs::path& file_path) {
    if (content_of(file_path) == Content::kTorch) {
      files.emplace_back(std::in_place_type<io::TorchFile>, file_path);
    } else {
      files.emplace_back(std::in_place_type<io::SafetensorsFile>, file_path);
    }
    paths.push_back(file_path);
    file_bytes.push_back(io::InputFile(file_path).bytes());
    if (files.back().index() != files.front().index()) {
      throw DataError("{}: {} is of another format than {}; the parts of one model are of one format", path.string(), file_path.string(),
                      paths.front().string());
    }
    std::visit([&](const auto& file) { add_tensors(file.tensors()); }, files.back());
    if (const auto* file = std::get_if<io::SafetensorsFile>(&files.back())) {
      metadata.insert(file->metadata().begin(), file->metadata().end());
    }
  }

  template <class Info>
  void add_tensors(const std::vector<Info>& infos) {
    for (std::size_t item = 0; item < infos.size(); ++item) {
      const auto [place, is_new] = index.emplace(infos[item].name, tensors.size());
      if (!is_new) {
        throw DataError("{}: tensor '{}' is both in {} and in {}; download the files again", path.string(), infos[item].name,
                        paths[tensors[place->second].file].string(), paths.back().string());
      }
      tensors.push_back(
          {.name = infos[item].name, .dtype = infos[item].dtype, .shape = infos[item].shape, .file = files.size() - 1, .item = item});
    }
  }

  // {"metadata": {...}, "weight_map": {tensor: file}}: what is listed and what the files hold must be the same.
  void add_index(const fs::path& index_path) {
    const io::Value text = parse_json_file(index_path);
    const io::Value* listed = text.find("weight_map");
    if (listed == nullptr || !listed->is_map()) {
      throw DataError("{} is JSON without a weight_map, so no index of weight files; name the weight file itself", index_path.string());
    }
    std::map<std::string, std::size_t> file_of;  // in the order of names
    for (const auto& [tensor, file] : listed->as_map()) {
      if (!file.is_string() || fs::path(file.as_string()).filename() != file.as_string() || file.as_string() == "..") {
        throw DataError("{}: tensor '{}' is in {}, the name of a file in the same folder is wanted", index_path.string(), tensor,
                        file.is_string() ? file.as_string() : file.kind_name());
      }
      file_of.emplace(file.as_string(), 0);
    }
    for (auto& [name, number] : file_of) {
      const fs::path file = index_path.parent_path() / name;
      if (!is_there(file)) {
        throw DataError("{}: the file {} of its {} files is missing beside it; copy or download it into the same folder",
                        index_path.string(), name, file_of.size());
      }
      number = files.size();
      add_file(file);
    }
    check_listed(index_path, *listed, file_of);
  }

  void check_listed(const fs::path& index_path, const io::Value& listed, const std::map<std::string, std::size_t>& file_of) const {
    for (const auto& [tensor, file] : listed.as_map()) {
      const auto found = index.find(tensor);
      if (found == index.end() || tensors[found->second].file != file_of.at(file.as_string())) {
        throw DataError("{}: tensor '{}' is listed in {}, which does not hold it; the files do not belong together, download them again",
                        index_path.string(), tensor, file.as_string());
      }
    }
    if (listed.size() != tensors.size()) {
      std::set<std::string_view> names;
      for (const auto& [tensor, file] : listed.as_map()) {
        names.insert(tensor);
      }
      const auto extra =
          std::find_if(tensors.begin(), tensors.end(), [&](const StoredTensor& tensor) { return !names.contains(tensor.name); });
      throw DataError("{}: {} holds the tensor '{}', which the index does not list; the files do not belong together, download them again",
                      index_path.string(), paths[extra->file].string(), extra->name);
    }
  }

  void read_plain(const StoredTensor& tensor, std::int64_t begin, std::int64_t end, void* destination) const {
    const File& file = files[tensor.file];
    if (const auto* torch = std::get_if<io::TorchFile>(&file)) {
      torch->read(torch->tensors()[tensor.item], begin, end, destination);
    } else {
      const auto& safetensors = std::get<io::SafetensorsFile>(file);
      const std::uint64_t element = scalar_bytes(tensor.dtype);
      safetensors.read_bytes(safetensors.tensors()[tensor.item], static_cast<std::uint64_t>(begin) * element,
                             static_cast<std::uint64_t>(end - begin) * element, destination);
    }
  }

  // The tensors in the order of their names.
  std::vector<const StoredTensor*> by_name() const {
    std::vector<const StoredTensor*> sorted;
    for (const StoredTensor& tensor : tensors) {
      sorted.push_back(&tensor);
    }
    std::sort(sorted.begin(), sorted.end(), [](const StoredTensor* a, const StoredTensor* b) { return a->name < b->name; });
    return sorted;
  }
};

std::int64_t StoredTensor::numel() const noexcept {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) {
    return 0;  // before the others can overflow
  }
  std::int64_t numel = 1;
  for (const std::int64_t length : shape) {
    numel *= length;
  }
  return numel;
}

TensorSource TensorSource::open(const fs::path& path) {
  auto state = std::make_shared<State>();
  state->path = path;
  std::error_code not_there;  // then opening it gives the reason
  const fs::path file = fs::is_directory(path, not_there) ? file_in(path) : path;
  if (content_of(file) == Content::kIndex) {
    state->add_index(file);
  } else {
    state->add_file(file);
  }
  if (const fs::path config = file.parent_path() / "config.json"; is_there(config)) {
    state->config = parse_json_file(config);
  }
  return TensorSource(std::move(state));
}

const fs::path& TensorSource::path() const noexcept {
  return state_->path;
}
std::vector<fs::path> TensorSource::files() const {
  return state_->paths;
}
const std::vector<StoredTensor>& TensorSource::tensors() const noexcept {
  return state_->tensors;
}
const std::map<std::string, std::string>& TensorSource::metadata() const noexcept {
  return state_->metadata;
}
const io::Value& TensorSource::config() const noexcept {
  return state_->config;
}

std::string_view TensorSource::format() const noexcept {
  return !state_->files.empty() && std::holds_alternative<io::TorchFile>(state_->files.front()) ? "torch" : "safetensors";
}

const io::Value& TensorSource::values() const noexcept {
  static const io::Value null;
  const auto* torch = state_->files.empty() ? nullptr : std::get_if<io::TorchFile>(&state_->files.front());
  return torch != nullptr ? torch->values() : null;
}

const StoredTensor* TensorSource::find(std::string_view name) const {
  const auto found = state_->index.find(std::string(name));
  return found == state_->index.end() ? nullptr : &state_->tensors[found->second];
}

const StoredTensor& TensorSource::at(std::string_view name) const {
  if (const StoredTensor* tensor = find(name)) {
    return *tensor;
  }
  std::vector<std::string> names;
  for (const StoredTensor& tensor : tensors()) {
    names.push_back(tensor.name);
  }
  const std::optional<std::string> nearest = nearest_name(name, names);
  throw DataError("{}: no tensor '{}' among {}{}", path().string(), name, names.size(),
                  nearest ? fmt::format("; the nearest name is '{}'", *nearest) : "");
}

void TensorSource::read(const StoredTensor& tensor, std::int64_t begin, std::int64_t end, ScalarType to, void* destination) const {
  check(begin >= 0 && begin <= end && end <= tensor.numel(), "tensor {}: elements {} to {} of {}", tensor.name, begin, end, tensor.numel());
  if (tensor.dtype == to) {
    state_->read_plain(tensor, begin, end, destination);
    return;
  }
  if (!is_float(tensor.dtype) || !is_float(to)) {
    throw DataError("{}: tensor '{}' is of {} and {} is wanted; only F32, F64, BF16 and F16 are cast to each other", path().string(),
                    tensor.name, scalar_name(tensor.dtype), scalar_name(to));
  }
  const std::int64_t chunk = std::min(end - begin, kCastBytes / static_cast<std::int64_t>(scalar_bytes(tensor.dtype)));
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(static_cast<std::size_t>(chunk) * scalar_bytes(tensor.dtype));
  auto* next = static_cast<std::byte*>(destination);
  for (std::int64_t from = begin; from < end; from += chunk) {
    const std::int64_t count = std::min(chunk, end - from);
    state_->read_plain(tensor, from, from + count, buffer.get());
    cast(tensor.dtype, buffer.get(), to, next, count);
    next += static_cast<std::size_t>(count) * scalar_bytes(to);
  }
}

std::string TensorSource::hash() const {
  Xxh3Stream stream;
  std::vector<std::byte> buffer;
  for (const StoredTensor* tensor : state_->by_name()) {
    stream.update(fmt::format("{}\n{} {}\n", tensor->name, scalar_name(tensor->dtype), joined(tensor->shape)));
    const auto element = static_cast<std::int64_t>(scalar_bytes(tensor->dtype));
    const std::int64_t chunk = kHashBytes / element;
    for (std::int64_t begin = 0; begin < tensor->numel(); begin += chunk) {
      const std::int64_t end = std::min(begin + chunk, tensor->numel());
      buffer.resize(static_cast<std::size_t>((end - begin) * element));
      state_->read_plain(*tensor, begin, end, buffer.data());
      stream.update(buffer.data(), buffer.size());
    }
  }
  return stream.hex();
}

std::string TensorSource::table_hash() const {
  Xxh3Stream stream;
  for (const StoredTensor* tensor : state_->by_name()) {
    stream.update(fmt::format("{}\n{} {}\n", tensor->name, scalar_name(tensor->dtype), joined(tensor->shape)));
  }
  stream.update(fmt::format("{}", fmt::join(state_->file_bytes, " ")));
  return stream.hex();
}

}  // namespace muster::weights
