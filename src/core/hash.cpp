#include "core/hash.hpp"

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
}  // namespace

std::uint64_t xxh3_64(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

std::string xxh3_128_hex(std::string_view bytes) { return hex_of(XXH3_128bits(bytes.data(), bytes.size())); }

std::uint32_t crc32_of(std::span<const std::byte> bytes) {
  constexpr std::size_t kWorthFolding = 1024;
  if (bytes.size() < kWorthFolding || !can_fold_crc32()) {
    return libdeflate_crc32(0, bytes.data(), bytes.size());
  }
  const FoldedCrc32 folded = fold_crc32(bytes);
  const std::span<const std::byte> left = bytes.subspan(folded.consumed);
  constexpr std::uint32_t kRegisterZero = 0xFFFFFFFF;  // zlib keeps the register's complement
  return libdeflate_crc32(libdeflate_crc32(kRegisterZero, folded.rest, sizeof folded.rest), left.data(), left.size());
}

Xxh3Stream::Xxh3Stream() : state_(std::make_unique<State>()) { XXH3_128bits_reset(state_->handle); }
Xxh3Stream::~Xxh3Stream() = default;
Xxh3Stream::Xxh3Stream(Xxh3Stream&&) noexcept = default;
Xxh3Stream& Xxh3Stream::operator=(Xxh3Stream&&) noexcept = default;

void Xxh3Stream::update(const void* bytes, std::size_t count) { XXH3_128bits_update(state_->handle, bytes, count); }

std::string Xxh3Stream::hex() const { return hex_of(XXH3_128bits_digest(state_->handle)); }

}  // namespace muster
