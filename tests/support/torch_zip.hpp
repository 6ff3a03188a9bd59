// Weight files made by hand, for tests of their readers: zips of stored entries and pickles, opcode by opcode.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muster::testing_support {

// The bytes of a number, little-endian.
template <class T>
std::string raw(T number) {
  std::string bytes(sizeof number, '\0');
  std::memcpy(bytes.data(), &number, sizeof number);
  return bytes;
}

// A zip whose entries are stored, in the order in which they were added.
class StoredZip {
 public:
  bool zip64 = false;        // sizes and offsets in zip64 fields, and a zip64 record at the end
  std::uint16_t flags = 0;   // of every entry
  std::uint16_t method = 0;  // said, not done
  std::string comment;

  StoredZip& add(const std::string& name, const std::string& data) {
    entries_.push_back({name, data});
    return *this;
  }

  std::string bytes() const {
    std::string file;
    std::string directory;
    for (const auto& [name, data] : entries_) {
      const auto size = static_cast<std::uint32_t>(data.size());
      const auto offset = static_cast<std::uint32_t>(file.size());
      const std::string common = raw(flags) + raw(method) + raw<std::uint32_t>(0) + raw<std::uint32_t>(0);  // time, checksum
      file += "PK\x03\x04" + raw<std::uint16_t>(20) + common + raw(size) + raw(size) + raw(static_cast<std::uint16_t>(name.size())) +
              raw<std::uint16_t>(0) + name + data;
      const std::string extra = zip64 ? raw<std::uint16_t>(1) + raw<std::uint16_t>(24) + raw<std::uint64_t>(size) +
                                            raw<std::uint64_t>(size) + raw<std::uint64_t>(offset)
                                      : "";
      const std::uint32_t look = 0xffffffff;
      directory += "PK\x01\x02" + raw<std::uint16_t>(20) + raw<std::uint16_t>(20) + common + raw(zip64 ? look : size) +
                   raw(zip64 ? look : size) + raw(static_cast<std::uint16_t>(name.size())) + raw(static_cast<std::uint16_t>(extra.size())) +
                   raw<std::uint16_t>(0) + raw<std::uint16_t>(0) + raw<std::uint16_t>(0) + raw<std::uint32_t>(0) +
                   raw(zip64 ? look : offset) + name + extra;
    }
    const std::uint64_t start = file.size();
    const std::uint64_t count = entries_.size();
    file += directory;
    if (zip64) {
      const std::uint64_t record = file.size();
      file += "PK\x06\x06" + raw<std::uint64_t>(44) + raw<std::uint16_t>(45) + raw<std::uint16_t>(45) + raw<std::uint32_t>(0) +
              raw<std::uint32_t>(0) + raw(count) + raw(count) + raw<std::uint64_t>(directory.size()) + raw(start);
      file += "PK\x06\x07" + raw<std::uint32_t>(0) + raw(record) + raw<std::uint32_t>(1);
    }
    return file + "PK\x05\x06" + raw<std::uint32_t>(0) + raw(static_cast<std::uint16_t>(count)) + raw(static_cast<std::uint16_t>(count)) +
           raw(static_cast<std::uint32_t>(directory.size())) + raw(static_cast<std::uint32_t>(start)) +
           raw(static_cast<std::uint16_t>(comment.size())) + comment;
  }

 private:
  std::vector<std::pair<std::string, std::string>> entries_;
};

// --- pickles: text of protocol 2 is kProtocol2 + one value + "." ---

inline const std::string kProtocol2 = "\x80\x02";

inline std::string pickled(std::string_view text) {
  return "X" + raw(static_cast<std::uint32_t>(text.size())) + std::string(text);
}
inline std::string pickled(std::int64_t number) {
  return "\x8a\x08" + raw(number);
}
inline std::string pickled(const std::vector<std::int64_t>& numbers) {
  std::string text = "(";
  for (const std::int64_t number : numbers) {
    text += pickled(number);
  }
  return text + "t";
}

// A tensor over the whole or a part of the storage data/<key> of `numel` elements, as torch.save writes it.
inline std::string pickled_tensor(const std::string& storage_type, const std::string& key, std::int64_t numel, std::int64_t first,
                                  const std::vector<std::int64_t>& shape, const std::vector<std::int64_t>& strides) {
  return "ctorch._utils\n_rebuild_tensor_v2\n((" + pickled("storage") + "ctorch\n" + storage_type + "\n" + pickled(key) + pickled("cpu") +
         pickled(numel) + "tQ" + pickled(first) + pickled(shape) + pickled(strides) + "\x89" + "ccollections\nOrderedDict\n)RtR";
}

// A file of torch.save: `value` is the pickled value, `storages` the bytes of data/0, data/1, ...
inline StoredZip torch_zip(const std::string& value, const std::vector<std::string>& storages = {}) {
  StoredZip zip;
  zip.add("model/data.pkl", value.starts_with('\x80') ? value : kProtocol2 + value + ".").add("model/byteorder", "little");
  for (std::size_t i = 0; i < storages.size(); ++i) {
    zip.add("model/data/" + std::to_string(i), storages[i]);
  }
  zip.add("model/version", "3\n");
  return zip;
}

}  // namespace muster::testing_support
