#include "pack/verify_shard.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>

#include "core/error.hpp"
#include "data/find_header.hpp"
#include "data/shard_fds.hpp"
#include "data/shard_format.hpp"

namespace muster::pack {

namespace {

using HeaderBytes = std::array<std::byte, data::kPayloadHeaderBytes>;

constexpr std::size_t kUuidAt = 16;  // bytes into the header

// The uuid of a header with our magic; "" for other bytes.
std::string uuid_in(const HeaderBytes& header) {
  if (std::memcmp(header.data(), data::kPayloadMagic.data(), data::kPayloadMagic.size()) != 0) {
    return {};
  }
  data::ShardUuid uuid;
  std::memcpy(uuid.data(), header.data() + kUuidAt, uuid.size());
  return data::to_hex(uuid);
}

}  // namespace

ShardUnderTest::ShardUnderTest(std::filesystem::path folder, const data::ManifestShard& entry)
    : folder_(std::move(folder)), entry_(entry) {}

UniqueFd ShardUnderTest::open() const {
  UniqueFd fd(::open(path().c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    throw DataError("{}: {}", errno == ENOENT ? "the file is missing" : "cannot be opened", errno_text(errno));
  }
  return fd;
}

void ShardUnderTest::look() {
  std::call_once(looked_, [this] {
    payload_address_ = entry_.payload_address;
    UniqueFd fd;
    try {
      fd = open();
    } catch (const DataError& error) {
      problem_ = fmt::format("{}; copy it there, or pack again", error.what());
      return;
    }
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
      problem_ = "is no file";
      return;
    }
    file_bytes_ = static_cast<std::uint64_t>(status.st_size);
    if (file_bytes_ != entry_.bytes) {
      problem_ = fmt::format("{} bytes, the manifest says {}; the file is cut short or replaced", file_bytes_, entry_.bytes);
    }
    const data::PayloadHeader expected{.uuid = data::uuid_from_hex(entry_.uuid, entry_.file), .payload_bytes = entry_.payload_bytes};
    HeaderBytes header{};
    const bool there = data::read_fully(fd.get(), entry_.payload_address, header);
    if (there && data::header_matches(header, expected)) {
      readable_ = true;
      return;
    }
    if (const std::optional<std::uint64_t> moved = data::find_payload_header(fd.get(), expected)) {
      payload_address_ = *moved;
      readable_ = true;
      problem_ = fmt::format(
          "was rewritten by another program such as h5repack: its payload begins at byte {} instead of {}. It can still be read; copy the "
          "original, or pack again",
          *moved, entry_.payload_address);
      return;
    }
    if (const std::string other = there ? uuid_in(header) : std::string(); !other.empty() && other != entry_.uuid) {
      problem_ = fmt::format("is shard {}, the manifest wants {}: it belongs to another packing, or was renamed", other, entry_.uuid);
    } else if (problem_.empty()) {
      problem_ = "the 64 bytes at the start of the payload are damaged";
      readable_ = true;  // its samples have checksums of their own
    }
  });
}

const std::string& ShardUnderTest::problem() {
  look();
  return problem_;
}
bool ShardUnderTest::readable() {
  look();
  return readable_;
}
std::uint64_t ShardUnderTest::payload_address() {
  look();
  return payload_address_;
}
std::uint64_t ShardUnderTest::file_bytes() {
  look();
  return file_bytes_;
}

bool ShardUnderTest::whole() {
  std::call_once(hashed_, [this] { hash_ = data::file_digest(path()).xxh3_128; });
  return hash_ == entry_.xxh3_128;
}

const data::ShardFile& ShardUnderTest::contents() {
  std::call_once(read_, [this] { contents_ = data::read_shard_file(path()); });
  return *contents_;
}

}  // namespace muster::pack
