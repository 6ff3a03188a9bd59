#include "ckpt/commit.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <vector>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "core/hash.hpp"

namespace muster::ckpt {

namespace fs = std::filesystem;

namespace {

constexpr std::uintmax_t kReadBlock = 1 << 20;  // bytes read at once

std::string read_part(const fs::path& path) {
  try {
    return read_file(path);
  } catch (const DataError& error) {
    throw CheckpointError("{}", error.what());
  }
}

std::string hash_of_file(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::vector<char> block(std::clamp<std::uintmax_t>(fs::file_size(path), 1, kReadBlock));
  Xxh3Stream hash;
  while (stream) {
    stream.read(block.data(), static_cast<std::streamsize>(block.size()));
    hash.update(block.data(), static_cast<std::size_t>(stream.gcount()));
  }
  if (!stream.eof()) {
    throw CheckpointError("{} cannot be read: {}", path.string(), errno_text(errno));
  }
  return hash.hex();
}

}  // namespace

std::string commit_text(const std::string& manifest_json, const std::string& run_id, std::int64_t step) {
  return fmt::format("{{\"manifest_xxh3_128\": \"{}\", \"run_id\": \"{}\", \"step\": {}}}\n", xxh3_128_hex(manifest_json), run_id, step);
}

Manifest read_committed(const fs::path& folder) {
  const std::string commit = read_part(folder / kCommitName);
  const std::string json = read_part(folder / kManifestName);
  const std::string hash = xxh3_128_hex(json);
  if (commit.find(hash) == std::string::npos) {
    throw CheckpointError("{} or {} beside it is damaged: the manifest has XXH3-128 {}, and that is not the committed one",
                          (folder / kManifestName).string(), kCommitName, hash);
  }
  Manifest manifest = parse_manifest(json, (folder / kManifestName).string());
  if (commit != commit_text(json, manifest.run_id, manifest.step)) {
    throw CheckpointError("{} is damaged: it does not repeat run id {} and step {} of {}", (folder / kCommitName).string(), manifest.run_id,
                          manifest.step, kManifestName);
  }
  return manifest;
}

void verify_files(const fs::path& folder, const Manifest& manifest, int part, int parts) {
  for (auto i = static_cast<std::size_t>(part); i < manifest.files.size(); i += static_cast<std::size_t>(parts)) {
    const StoredFile& file = manifest.files[i];
    const fs::path path = folder / file.name;
    std::error_code error;
    const std::uintmax_t bytes = fs::file_size(path, error);
    if (error) {
      throw CheckpointError("{} is missing: {}", path.string(), error.message());
    }
    if (bytes != file.bytes) {
      throw CheckpointError("{} has {} bytes; the manifest says {}", path.string(), bytes, file.bytes);
    }
    const std::string hash = hash_of_file(path);
    if (hash != file.hash) {
      throw CheckpointError("{} is damaged: its XXH3-128 is {}; the manifest says {}", path.string(), hash, file.hash);
    }
  }
}

}  // namespace muster::ckpt
