// What ranks tell each other, as bytes: fixed-size values and texts behind one another, read back in the same order.
// All ranks run the same program on the same kind of machine, so values travel as they lie in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/error.hpp"

namespace muster::pack {

class WireWriter {
 public:
  template <class T>
  requires std::is_trivially_copyable_v<T>
  void value(const T& value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void text(std::string_view text) {
    value(std::uint64_t{text.size()});
    bytes_ += text;
  }
  template <class T>
  requires std::is_trivially_copyable_v<T>
  void list(const std::vector<T>& values) { text({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)}); }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// The bytes must outlive the reader. InvariantError when they end early.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  template <class T>
  T value() {
    T value;
    const std::string_view bytes = next(sizeof value);
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  std::string text() { return std::string(next(value<std::uint64_t>())); }
  template <class T>
  std::vector<T> list() {
    const std::string_view bytes = next(value<std::uint64_t>());
    std::vector<T> values(bytes.size() / sizeof(T));
    if (!values.empty()) {  // memcpy wants real addresses even for no bytes
      std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
    }
    return values;
  }
  bool done() const noexcept { return rest_.empty(); }

 private:
  std::string_view next(std::uint64_t size) {
    check(size <= rest_.size(), "{} bytes wanted, {} left of what another rank sent", size, rest_.size());
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }

  std::string_view rest_;
};

}  // namespace muster::pack
