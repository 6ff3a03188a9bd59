// SHA-256, which the publishers of weight files name (our own identities are XXH3, core/hash.hpp). OpenSSL's libcrypto.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace muster::io {

// 64 lower-case hex digits of a file's bytes, as `sha256sum` prints them. DataError when it cannot be read.
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace muster::io
