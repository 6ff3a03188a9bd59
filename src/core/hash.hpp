// Checksums: XXH3 for identities and whole files, CRC-32 (zlib's polynomial) for single samples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace muster {

std::uint64_t xxh3_64(std::string_view bytes);
std::string xxh3_128_hex(std::string_view bytes);  // 32 hex digits, high word first, as `xxhsum -H128` prints it
std::uint32_t crc32_of(std::span<const std::byte> bytes);
// The same, of bytes that are copied to `copy`, where there is room for as many, on the way: each is loaded once.
std::uint32_t crc32_while_copying(std::span<const std::byte> bytes, std::byte* copy);

// XXH3-128 of bytes that come in parts.
class Xxh3Stream {
 public:
  Xxh3Stream();
  ~Xxh3Stream();
  Xxh3Stream(Xxh3Stream&&) noexcept;
  Xxh3Stream& operator=(Xxh3Stream&&) noexcept;

  void update(const void* bytes, std::size_t count);
  void update(std::string_view bytes) { update(bytes.data(), bytes.size()); }
  std::string hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace muster
