#include "core/hash.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <libdeflate.h>
#include <xxhash.h>

#include "core/crc32_fold.hpp"
#include "core/error.hpp"

namespace muster {

struct Xxh3Stream::State {
  XXH3_state_t* handle = XXH3_createState();
  ~State() { XXH3_freeState(handle); }
};

namespace {
std::string hex_of(XXH128_hash_t hash) { return fmt::format("{:016x}{:016x}", hash.high64, hash.low64); }
constexpr std::size_t kWorthFolding = 1024;  // bytes

std::uint32_t crc32_of_rest(const FoldedCrc32& folded, std::span<const std::byte> rest) {
  constexpr std::uint32_t kRegisterZero = 0xFFFFFFFF;  // zlib keeps the register's complement
  return libdeflate_crc32(libdeflate_crc32(kRegisterZero, folded.rest, sizeof folded.rest), rest.data(), rest.size());
}

}  // namespace

std::uint64_t xxh3_64(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

std::string xxh3_128_hex(std::string_view bytes) { return hex_of(XXH3_128bits(bytes.data(), bytes.size())); }

std::uint32_t crc32_of(std::span<const std::byte> bytes) {
  if (bytes.size() < kWorthFolding || !can_fold_crc32()) {
    return libdeflate_crc32(0, bytes.data(), bytes.size());
  }
  const FoldedCrc32 folded = fold_crc32(bytes);
  return crc32_of_rest(folded, bytes.subspan(folded.consumed));
}

std::uint32_t crc32_while_copying(std::span<const std::byte> bytes, std::byte* copy) {
  if (bytes.size() < kWorthFolding || !can_fold_crc32()) {
    std::ranges::copy(bytes, copy);
    return libdeflate_crc32(0, copy, bytes.size());
  }
  const FoldedCrc32 folded = fold_crc32(bytes, copy);
  std::ranges::copy(bytes.subspan(folded.consumed), copy + folded.consumed);
  return crc32_of_rest(folded, {copy + folded.consumed, bytes.size() - folded.consumed});
}

Xxh3Stream::Xxh3Stream() : state_(std::make_unique<State>()) { XXH3_128bits_reset(state_->handle); }
Xxh3Stream::~Xxh3Stream() = default;
Xxh3Stream::Xxh3Stream(Xxh3Stream&&) noexcept = default;
Xxh3Stream& Xxh3Stream::operator=(Xxh3Stream&&) noexcept = default;

void Xxh3Stream::update(const void* bytes, std::size_t count) { XXH3_128bits_update(state_->handle, bytes, count); }

std::string Xxh3Stream::hex() const { return hex_of(XXH3_128bits_digest(state_->handle)); }

}  // namespace muster
