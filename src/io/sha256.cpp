#include "io/sha256.hpp"

#include <array>
#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"

namespace muster::io {
namespace {

struct DigestTraits {
  using type = EVP_MD_CTX*;
  static type none() noexcept { return nullptr; }
  static void close(type context) noexcept { EVP_MD_CTX_free(context); }
};

constexpr std::size_t kBlockBytes = std::size_t{1} << 20;

}  // namespace

std::string sha256_of_file(const std::filesystem::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    throw DataError("cannot open {}: {}", path.string(), errno_text(errno));
  }
  const UniqueHandle<DigestTraits> digest(EVP_MD_CTX_new());
  check(bool(digest) && EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr) == 1, "OpenSSL gives no SHA-256");
  std::vector<unsigned char> block(kBlockBytes);
  while (true) {
    const ssize_t got = ::read(fd.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      throw DataError("cannot read {}: {}", path.string(), errno_text(errno));
    }
    if (got == 0) {
      break;
    }
    check(EVP_DigestUpdate(digest.get(), block.data(), static_cast<std::size_t>(got)) == 1, "SHA-256 of {} failed", path.string());
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int count = 0;
  check(EVP_DigestFinal_ex(digest.get(), bytes.data(), &count) == 1, "SHA-256 of {} failed", path.string());
  std::string hex;
  for (unsigned int i = 0; i < count; ++i) {
    hex += fmt::format("{:02x}", bytes[i]);
  }
  return hex;
}

}  // namespace muster::io
