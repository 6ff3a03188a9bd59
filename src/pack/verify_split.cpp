#include "pack/verify_split.hpp"

#include <array>
#include <cerrno>
#include <optional>
#include <unordered_set>

#include <fcntl.h>
#include <unistd.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "data/ordered_jobs.hpp"
#include "data/shard_file.hpp"
#include "data/shard_format.hpp"
#include "pack/verify_sample.hpp"

namespace muster::pack {

namespace fs = std::filesystem;

namespace {

using data::IndexColumns;

class SplitVerifier {
 public:
  SplitVerifier(const fs::path& folder, const data::Manifest& manifest, const std::string& split, VerifyLevel level, int threads,
                std::vector<VerifyProblem>& problems)
      : folder_(folder),
        manifest_(manifest),
        name_(split),
        split_(manifest.splits.at(split)),
        level_(level),
        threads_(threads),
        problems_(problems) {}

  void run() {
    all_.class_ptr.push_back(0);
    bool complete = true;
    for (std::size_t number = 0; number < split_.shards.size(); ++number) {
      complete &= attempt(split_.shards[number].file, [&] { verify_shard(static_cast<std::uint32_t>(number)); });
    }
    std::unordered_set<std::string> keys;
    for (const std::string& key : all_.key) {
      if (!keys.insert(key).second) {
        add(data::index_file_name(name_), fmt::format("the key {} occurs twice in split {}", key, name_));
      }
    }
    if (complete && data::fingerprint(all_) != split_.fingerprint) {
      add(data::kManifestFile,
          fmt::format("split {} has fingerprint {}, its shards {}", name_, split_.fingerprint, data::fingerprint(all_)));
    }
    attempt(split_.index.file, [&] { verify_index(complete); });
  }

 private:
  void add(const std::string& file, std::string reason) {
    problems_.push_back({.file = file, .sample = {}, .key = {}, .reason = std::move(reason)});
  }

  // False, and a problem noted, when `check` throws.
  template <class Check>
  bool attempt(const std::string& file, Check check) {
    try {
      check();
      return true;
    } catch (const Error& error) {
      add(file, error.what());
      return false;
    }
  }

  void check_size(const fs::path& path, std::uint64_t bytes) const {
    std::error_code error;
    const std::uint64_t found = fs::file_size(path, error);
    if (error) {
      throw DataError("the file is missing: {}", error.message());
    }
    if (found != bytes) {
      throw DataError("{} bytes, the manifest says {}; the file is cut short or replaced", found, bytes);
    }
  }

  void verify_shard(std::uint32_t number) {
    const data::ManifestShard& entry = split_.shards[number];
    const fs::path path = folder_ / entry.file;
    check_size(path, entry.bytes);
    const data::ShardFile shard = data::read_shard_file(path);
    if (shard.head.uuid != entry.uuid || shard.head.split != name_ || shard.head.plan_hash != split_.plan_hash ||
        entry.uuid != data::to_hex(data::shard_uuid(split_.plan_hash, name_, number))) {
      throw DataError("its uuid {} or plan is not what the manifest says ({}); it belongs to another packing", shard.head.uuid, entry.uuid);
    }
    if (shard.payload.address != entry.payload_address || shard.payload.bytes != entry.payload_bytes) {
      throw DataError("the payload lies at {} with {} bytes, the manifest says {} with {}", shard.payload.address, shard.payload.bytes,
                      entry.payload_address, entry.payload_bytes);
    }
    if (shard.columns.size() != entry.num_samples) {
      throw DataError("{} samples, the manifest says {}", shard.columns.size(), entry.num_samples);
    }
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) {
      throw DataError("cannot be opened: {}", errno_text(errno));
    }
    const std::vector<std::byte> header = read_range(fd, entry.payload_address, data::kPayloadHeaderBytes);
    if (!data::header_matches(std::span<const std::byte, data::kPayloadHeaderBytes>(header.data(), header.size()),
                              {.uuid = data::uuid_from_hex(entry.uuid, entry.file), .payload_bytes = entry.payload_bytes})) {
      throw DataError("the 64 bytes at the start of the payload are damaged");
    }
    data::append_columns(all_, shard.columns);
    if (level_ != VerifyLevel::kQuick) {
      verify_samples(entry, shard.columns, fd);
    }
  }

  // Every blob; then the bytes between the blobs, by the hash of the whole file.
  void verify_samples(const data::ManifestShard& entry, const IndexColumns& columns, const UniqueFd& fd) {
    struct Item {
      std::size_t i = 0;
      std::string reason;
    };
    using Jobs = data::OrderedJobs<Item>;
    const std::size_t before = problems_.size();
    const int workers = data::worker_threads(threads_);
    std::size_t next = 0;
    Jobs jobs(
        workers, 4 * static_cast<std::size_t>(workers),
        [&]() -> std::optional<Jobs::Opened> {
          if (next == columns.size()) {
            return std::nullopt;
          }
          return Jobs::Opened{.group = {.i = next++, .reason = {}}};
        },
        [&](Item& item, std::size_t) {
          try {
            verify_sample(fd, entry.payload_address, columns, item.i, level_, manifest_.classes);
          } catch (const Error& error) {
            item.reason = error.what();
          }
        });
    while (const std::optional<Item> item = jobs.pop()) {
      if (!item->reason.empty()) {
        problems_.push_back(
            {.file = entry.file, .sample = static_cast<std::uint32_t>(item->i), .key = columns.key[item->i], .reason = item->reason});
      }
    }
    if (problems_.size() == before && data::file_digest(folder_ / entry.file).xxh3_128 != entry.xxh3_128) {
      throw DataError("all samples are whole, but the file's hash is not the manifest's {}: bytes outside of them changed", entry.xxh3_128);
    }
  }

  // `all_` holds the columns of every shard when they are complete.
  void verify_index(bool complete) const {
    const fs::path path = folder_ / split_.index.file;
    check_size(path, split_.index.bytes);
    if (level_ != VerifyLevel::kQuick && data::file_digest(path).xxh3_128 != split_.index.xxh3_128) {
      throw DataError("the file's hash is not the manifest's {}", split_.index.xxh3_128);
    }
    const data::IndexFile index = data::read_index_file(path);
    if (complete && index.columns != all_) {
      throw DataError("its columns differ from those of the shards");
    }
  }

  const fs::path& folder_;
  const data::Manifest& manifest_;
  const std::string& name_;
  const data::ManifestSplit& split_;
  VerifyLevel level_;
  int threads_;
  std::vector<VerifyProblem>& problems_;
  IndexColumns all_;
};

}  // namespace

void verify_split(const fs::path& folder, const data::Manifest& manifest, const std::string& split, VerifyLevel level, int threads,
                  std::vector<VerifyProblem>& problems) {
  SplitVerifier(folder, manifest, split, level, threads, problems).run();
}

}  // namespace muster::pack
