#include "app/data_cache.hpp"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <spdlog/spdlog.h>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "core/stop_flags.hpp"
#include "data/manifest.hpp"
#include "io/value.hpp"
#include "pack/ranks.hpp"

namespace muster::app {

namespace fs = std::filesystem;

namespace {

constexpr const char* kCacheVariable = "MUSTER_DATA_CACHE";
constexpr std::chrono::milliseconds kLockPoll{200};

constexpr std::string_view kRecordFormat = "muster-data-cache";
constexpr std::string_view kSourceFormat = "muster-data-source";

std::string source_check(const std::string& signature, const std::string& fingerprint) {
  return xxh3_128_hex(signature + fingerprint);
}

fs::path source_record(const fs::path& cache, const std::string& signature) {
  return cache / (signature + ".source.json");
}

// The content that `signature` had when it was read. "" when nobody has read it yet.
std::string known_fingerprint(const fs::path& record, const std::string& signature) {
  std::error_code error;
  if (!fs::exists(record, error)) {
    return {};
  }
  try {
    const io::Value tree = io::read_value_file(record);
    const std::string& fingerprint = tree.at("fingerprint").as_string();
    if (tree.at("format") == io::Value(kSourceFormat) && tree.at("check") == io::Value(source_check(signature, fingerprint))) {
      return fingerprint;
    }
    spdlog::warn("data: {} is damaged and is not used; the files are read again", record.string());
  } catch (const Error& damaged) {
    spdlog::warn("data: {}; it is not used, the files are read again", damaged.what());
  }
  return {};
}

io::Value plan_hashes(const data::Manifest& manifest) {
  io::Value hashes = io::Value::map();
  for (const auto& [name, split] : manifest.splits) {
    hashes.set(name, split.plan_hash);
  }
  return hashes;
}

// What is wrong with a file that the manifest names. "" when it has its size.
std::string file_problem(const fs::path& file, std::uint64_t bytes) {
  std::error_code error;
  const std::uintmax_t found = fs::file_size(file, error);
  if (error) {
    return fmt::format("{}: {}", file.string(), error.message());
  }
  return found == bytes ? "" : fmt::format("{}: {} bytes, {} when it was packed", file.string(), found, bytes);
}

}  // namespace

fs::path data_cache_folder(const std::string& key, const std::string& out) {
  const char* variable = std::getenv(kCacheVariable);
  if (!key.empty()) {
    return key;
  }
  if (variable != nullptr && *variable != '\0') {
    return variable;
  }
  const fs::path run = (fs::path(out) / "").lexically_normal().parent_path();  // without a slash at the end
  return run.parent_path() / "data_cache";
}

FoundContent find_content(const fs::path& cache, const SourceContent& content) {
  const std::string signature = content.signature();
  const fs::path record = source_record(cache, signature);
  FoundContent found{.fingerprint = known_fingerprint(record, signature), .new_record = {}, .record_text = {}};
  if (found.fingerprint.empty()) {
    spdlog::info("data: reading {} files with {:.1f} MB to know what they hold; while they stay as they are, they are read this once",
                 content.files.size(), static_cast<double>(content.bytes) / 1e6);
    ContentFingerprint read = content_fingerprint(content);
    found.fingerprint = std::move(read.hex);
    if (read.stable) {
      found.new_record = record;
      found.record_text = io::to_json(io::Value::map({{"format", kSourceFormat},
                                                      {"fingerprint", found.fingerprint},
                                                      {"check", source_check(signature, found.fingerprint)}})) +
                          "\n";
    }
  }
  return found;
}

void FoundContent::remember() const {
  if (new_record.empty()) {
    return;
  }
  try {
    write_file_atomically(new_record, record_text);
  } catch (const OutputError& error) {  // a cache that this user may only read
    spdlog::warn("data: {}; the next run reads the files again", error.what());
  }
}

CachedData::CachedData(const fs::path& cache, const std::string& fingerprint)
    : folder_(cache / fingerprint), record_(cache / (fingerprint + ".json")), lock_path_(cache / (fingerprint + ".lock")) {}

bool CachedData::complete() const {
  std::error_code error;
  if (!fs::exists(record_, error) || !damage().empty()) {
    return false;
  }
  try {
    const io::Value record = io::read_value_file(record_);
    const io::Value* plans = record.find("plan_hash");
    return plans != nullptr && *plans == plan_hashes(data::read_manifest(folder_));
  } catch (const Error&) {
    return false;  // the record is written anew behind the packing, which finds all shards
  }
}

std::string CachedData::damage() const {
  std::error_code error;
  if (!fs::exists(folder_ / data::kManifestFile, error)) {
    return fs::exists(record_, error) ? fmt::format("{} has no {}", folder_.string(), data::kManifestFile) : "";
  }
  try {
    for (const auto& [name, split] : data::read_manifest(folder_).splits) {
      std::string problem = file_problem(folder_ / split.index.file, split.index.bytes);
      for (auto shard = split.shards.begin(); problem.empty() && shard != split.shards.end(); ++shard) {
        problem = file_problem(folder_ / shard->file, shard->bytes);
      }
      if (!problem.empty()) {
        return problem;
      }
    }
  } catch (const Error& unreadable) {
    return unreadable.what();
  }
  return {};
}

void CachedData::clear_damage() const {
  const std::string found = damage();
  if (found.empty()) {
    return;
  }
  spdlog::warn("data: {}; what is left of it is removed and it is packed again", found);
  for (const fs::path& path : {record_, folder_}) {
    std::error_code error;
    fs::remove_all(path, error);
    if (error) {
      throw_output_error("remove", path, error.value());
    }
  }
}

void CachedData::lock() {
  std::error_code error;
  fs::create_directories(folder_.parent_path(), error);
  if (!fs::is_directory(folder_.parent_path())) {
    throw_output_error("make the folder", folder_.parent_path(), error ? error.value() : ENOTDIR);
  }
  lock_ = UniqueFd(::open(lock_path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (!lock_) {
    throw_output_error("make the file", lock_path_, errno);
  }
  for (bool told = false; ::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0; told = true) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      spdlog::warn("{}: {}; two jobs that start at once may both pack this data set", lock_path_.string(), errno_text(errno));
      return;
    }
    if (!told) {
      spdlog::info("data: another job packs this data set into {}; waiting for it", folder_.string());
    }
    if (const int signal = requested_stop(); signal != 0) {
      throw pack::PackStopped("waiting for {} stopped by signal {}; the same command waits on", folder_.string(), signal);
    }
    std::this_thread::sleep_for(kLockPoll);
  }
}

void CachedData::record(const pack::PackOptions& options) const {
  io::Value sources = io::Value::map();
  for (const auto& [split, paths] : pack::sources_by_split(options)) {
    sources.set(split,
                io::Value::map({{"images", paths.images}, {"masks", paths.masks}, {"annotations", paths.annotations}, {"csv", paths.csv}}));
  }
  const io::Value record = io::Value::map(
      {{"format", kRecordFormat}, {"plan_hash", plan_hashes(data::read_manifest(folder_))}, {"sources", std::move(sources)}});
  write_file_atomically(record_, io::to_json(record) + "\n");
}

}  // namespace muster::app
