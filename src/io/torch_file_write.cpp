#include "io/torch_file_write.hpp"

#include <algorithm>
#include <set>

#include <zlib.h>

#include "core/error.hpp"

namespace muster::io {
namespace {

constexpr std::string_view kFolder = "archive/";
constexpr std::uint64_t kTensorAlignment = 64;
constexpr std::uint64_t kMax32 = 0xffff'ffffU;  // stands for "see the zip64 field"
constexpr std::uint16_t kMax16 = 0xffffU;
constexpr std::uint16_t kVersion = 45;  // that knows zip64
constexpr std::uint16_t kNamesAreUtf8 = 1U << 11U;
constexpr std::uint16_t kFirstDay = (1U << 5U) | 1U;  // 1980-01-01: files with equal content are equal
constexpr std::uint16_t kPaddingField = 0x4246;       // the id that PyTorch gives its padding
constexpr std::uint16_t kZip64Field = 1;

// Little-endian, as the host.
class Bytes {
 public:
  template <class T>
  Bytes& add(T value) {
    text_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Bytes& add_text(std::string_view text) {
    text_ += text;
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::uint32_t or_max(std::uint64_t value) {
  return static_cast<std::uint32_t>(std::min(value, kMax32));
}
std::uint16_t length16(std::size_t length) {
  check(length < kMax16, "a field of {} bytes in a zip", length);
  return static_cast<std::uint16_t>(length);
}

struct HeaderFields {
  std::string_view name;
  std::uint64_t bytes = 0;
  std::uint32_t crc32 = 0;
};

// What local header and directory have in common: from the version needed to the lengths.
void add_common(Bytes& header, const HeaderFields& entry, std::size_t extra_bytes) {
  header.add(kVersion).add(kNamesAreUtf8).add(std::uint16_t{0}).add(std::uint16_t{0}).add(kFirstDay).add(entry.crc32);
  header.add(or_max(entry.bytes)).add(or_max(entry.bytes)).add(length16(entry.name.size())).add(length16(extra_bytes));
}

// Padded so that what follows, at `position` + its length, is aligned.
std::string local_header(const HeaderFields& entry, std::uint64_t position) {
  Bytes extra;
  if (entry.bytes >= kMax32) {
    extra.add(kZip64Field).add(std::uint16_t{16}).add(entry.bytes).add(entry.bytes);
  }
  constexpr std::uint64_t kFixed = 30, kPaddingHead = 4;
  const std::uint64_t unpadded = position + kFixed + entry.name.size() + extra.text().size() + kPaddingHead;
  const std::uint64_t padding = (kTensorAlignment - unpadded % kTensorAlignment) % kTensorAlignment;
  extra.add(kPaddingField).add(static_cast<std::uint16_t>(padding)).add_text(std::string(padding, 'Z'));
  Bytes header;
  header.add(std::uint32_t{0x04034b50});
  add_common(header, entry, extra.text().size());
  return header.add_text(entry.name).add_text(extra.text()).text();
}

std::string directory_record(const HeaderFields& entry, std::uint64_t offset) {
  Bytes wide;
  if (entry.bytes >= kMax32) {
    wide.add(entry.bytes).add(entry.bytes);
  }
  if (offset >= kMax32) {
    wide.add(offset);
  }
  Bytes extra;
  if (!wide.text().empty()) {
    extra.add(kZip64Field).add(length16(wide.text().size())).add_text(wide.text());
  }
  Bytes record;
  record.add(std::uint32_t{0x02014b50}).add(kVersion);
  add_common(record, entry, extra.text().size());
  record.add(std::uint16_t{0}).add(std::uint16_t{0}).add(std::uint16_t{0}).add(std::uint32_t{0}).add(or_max(offset));
  return record.add_text(entry.name).add_text(extra.text()).text();
}

std::string_view storage_of(ScalarType type) {
  switch (type) {
    case ScalarType::kF32:
      return "FloatStorage";
    case ScalarType::kF64:
      return "DoubleStorage";
    case ScalarType::kBF16:
      return "BFloat16Storage";
    case ScalarType::kF16:
      return "HalfStorage";
    case ScalarType::kI64:
      return "LongStorage";
    case ScalarType::kI32:
      return "IntStorage";
    case ScalarType::kU8:
      return "ByteStorage";
    case ScalarType::kBool:
      return "BoolStorage";
    default:
      throw InvariantError("PyTorch's files have no storage for {}", scalar_name(type));
  }
}

std::int64_t numel_of(const std::vector<std::int64_t>& shape) {
  std::int64_t numel = 1;
  for (const std::int64_t length : shape) {
    numel *= length;
  }
  return numel;
}

// Opcodes of protocol 2; see Python's pickletools.
class PickleWriter {
 public:
  PickleWriter() { bytes_.add_text("\x80\x02"); }
  PickleWriter& op(char code) {
    bytes_.add(code);
    return *this;
  }
  PickleWriter& text(std::string_view value) {
    op('X').bytes_.add(static_cast<std::uint32_t>(value.size())).add_text(value);  // BINUNICODE
    return *this;
  }
  PickleWriter& global(std::string_view module, std::string_view name) {
    bytes_.add('c').add_text(module).add('\n').add_text(name).add('\n');
    return *this;
  }
  PickleWriter& number(std::int64_t value) {
    if (value >= 0 && value <= 0x7fff'ffff) {
      op('J').bytes_.add(static_cast<std::int32_t>(value));  // BININT
    } else {
      op('\x8a').bytes_.add(std::uint8_t{8}).add(value);  // LONG1
    }
    return *this;
  }
  PickleWriter& numbers(const std::vector<std::int64_t>& values) {
    op('(');
    for (const std::int64_t value : values) {
      number(value);
    }
    return op('t');
  }
  std::string done() { return op('.').bytes_.text(); }

 private:
  Bytes bytes_;
};

std::vector<std::int64_t> dense_strides(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) {
    strides[i - 1] = strides[i] * std::max<std::int64_t>(shape[i], 1);
  }
  return strides;
}

}  // namespace

std::uint64_t TorchTensorHeader::bytes() const noexcept {
  return static_cast<std::uint64_t>(numel_of(shape)) * scalar_bytes(dtype);
}

// torch._utils._rebuild_tensor_v2(persistent("storage", type, key, "cpu", numel), offset, shape, strides, requires_grad, hooks)
std::string torch_pickle(std::span<const TorchTensorHeader> tensors) {
  PickleWriter pickle;
  pickle.op('}').op('(');
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const TorchTensorHeader& tensor = tensors[i];
    pickle.text(tensor.name).global("torch._utils", "_rebuild_tensor_v2").op('(');
    pickle.op('(').text("storage").global("torch", storage_of(tensor.dtype)).text(std::to_string(i)).text("cpu");
    pickle.number(numel_of(tensor.shape)).op('t').op('Q');
    pickle.number(0).numbers(tensor.shape).numbers(dense_strides(tensor.shape)).op('\x89');
    pickle.global("collections", "OrderedDict").op(')').op('R');
    pickle.op('t').op('R');
  }
  return pickle.op('u').done();
}

TorchFileWriter::TorchFileWriter(const std::filesystem::path& path, std::vector<TorchTensorHeader> tensors)
    : file_(path), tensors_(std::move(tensors)) {
  std::set<std::string_view> names;
  for (const TorchTensorHeader& tensor : tensors_) {
    check(names.insert(tensor.name).second, "tensor name {} is used twice", tensor.name);
  }
  write_entry("data.pkl", torch_pickle(tensors_));
  write_entry("byteorder", "little");
  open_next();
}

void TorchFileWriter::append(std::string_view bytes) {
  file_.write(bytes);
  position_ += bytes.size();
}

// Its checksum is filled in when its bytes have come.
void TorchFileWriter::begin_entry(std::string name, std::uint64_t bytes) {
  entries_.push_back({.name = std::string(kFolder) + std::move(name), .offset = position_, .bytes = bytes});
  append(local_header({.name = entries_.back().name, .bytes = bytes}, position_));
}

void TorchFileWriter::write_entry(std::string name, std::string_view data) {
  begin_entry(std::move(name), data.size());
  missing_ = data.size();
  write_data(data);
}

void TorchFileWriter::write_data(std::string_view data) {
  Entry& entry = entries_.back();
  entry.crc32 = static_cast<std::uint32_t>(crc32_z(entry.crc32, reinterpret_cast<const Bytef*>(data.data()), data.size()));
  append(data);
  missing_ -= data.size();
  if (missing_ == 0) {
    constexpr std::uint64_t kCrcInHeader = 14;
    file_.write_at(entry.offset + kCrcInHeader, &entry.crc32, sizeof entry.crc32);
  }
}

void TorchFileWriter::open_next() {
  while (missing_ == 0 && next_ < tensors_.size()) {
    missing_ = tensors_[next_].bytes();
    begin_entry("data/" + std::to_string(next_), missing_);
    ++next_;
  }
}

void TorchFileWriter::write(const void* bytes, std::size_t count) {
  const char* data = static_cast<const char*>(bytes);
  while (count > 0) {
    check(missing_ > 0, "{} bytes more than the {} tensors have", count, tensors_.size());
    const std::size_t now = static_cast<std::size_t>(std::min<std::uint64_t>(count, missing_));
    write_data({data, now});
    data += now;
    count -= now;
    open_next();
  }
}

void TorchFileWriter::append_directory() {
  const std::uint64_t start = position_;
  for (const Entry& entry : entries_) {
    append(directory_record({.name = entry.name, .bytes = entry.bytes, .crc32 = entry.crc32}, entry.offset));
  }
  const std::uint64_t bytes = position_ - start;
  const auto count = static_cast<std::uint64_t>(entries_.size());
  if (start >= kMax32 || bytes >= kMax32 || count >= kMax16) {
    const std::uint64_t end = position_;
    append(Bytes()
               .add(std::uint32_t{0x06064b50})
               .add(std::uint64_t{44})
               .add(kVersion)
               .add(kVersion)
               .add(std::uint32_t{0})
               .add(std::uint32_t{0})
               .add(count)
               .add(count)
               .add(bytes)
               .add(start)
               .text());
    append(Bytes().add(std::uint32_t{0x07064b50}).add(std::uint32_t{0}).add(end).add(std::uint32_t{1}).text());
  }
  const auto count16 = static_cast<std::uint16_t>(std::min<std::uint64_t>(count, kMax16));
  append(Bytes()
             .add(std::uint32_t{0x06054b50})
             .add(std::uint16_t{0})
             .add(std::uint16_t{0})
             .add(count16)
             .add(count16)
             .add(or_max(bytes))
             .add(or_max(start))
             .add(std::uint16_t{0})
             .text());
}

void TorchFileWriter::commit() {
  check(missing_ == 0 && next_ == tensors_.size(), "{} bytes of tensor {} are missing", missing_, next_);
  write_entry("version", "3\n");
  append_directory();
  file_.commit();
}

}  // namespace muster::io
