#include "app/data_cache.hpp"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <spdlog/spdlog.h>

#include "config/recipe.hpp"
#include "core/error.hpp"
#include "core/hash.hpp"
#include "core/stop_flags.hpp"
#include "data/manifest.hpp"
#include "io/source_scan.hpp"
#include "io/value.hpp"
#include "pack/shard_job.hpp"
#include "pack/split_source.hpp"

namespace muster::app {

namespace fs = std::filesystem;

namespace {

constexpr const char* kCacheVariable = "MUSTER_DATA_CACHE";
constexpr std::chrono::milliseconds kLockPoll{200};

// Fields separated by zero bytes, which no key contains.
class ContentDigest {
 public:
  template <class T>
  void add(const T& field) {
    hash_.update(fmt::format("{}", field));
    hash_.update(std::string_view("\0", 1));
  }
  void add(const io::SourceFile& file, SourceContent& content) {
    add(file.key);
    add(file.bytes);
    add(file.mtime_ns);
    ++content.files;
    content.bytes += file.bytes;
  }
  std::string hex() const { return hash_.hex(); }

 private:
  Xxh3Stream hash_;
};

// The keys that say how to pack, without those that say where and how fast.
std::string packing_rules(const pack::PackOptions& options) {
  pack::PackOptions rules = options;
  rules.out = rules.images = rules.masks = rules.annotations = rules.csv = rules.classes = "";
  rules.data.train = rules.data.val = rules.data.test = {};
  rules.data.train_csv = rules.data.val_csv = rules.data.test_csv = "";
  rules.threads = 0;
  rules.preflight = pack::PackOptions().preflight;
  return io::to_json(config::options_tree(rules), -1);
}

void add_file(ContentDigest& digest, const std::string& path) {
  std::error_code error;
  digest.add(path.empty() ? std::uintmax_t{0} : fs::file_size(path, error));
  digest.add(path.empty() ? std::int64_t{0} : std::int64_t{fs::last_write_time(path, error).time_since_epoch().count()});
}

io::Value plan_hashes(const data::Manifest& manifest) {
  io::Value hashes = io::Value::map();
  for (const auto& [name, split] : manifest.splits) {
    hashes.set(name, split.plan_hash);
  }
  return hashes;
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

SourceContent source_content(const pack::PackOptions& options) {
  ContentDigest digest;
  digest.add("muster-data-cache 1");
  digest.add(packing_rules(options));
  SourceContent content;
  std::vector<std::string> notices;  // pack() tells them
  for (const auto& [split, sources] : pack::sources_by_split(options)) {
    const auto source = pack::make_split_source(options, split, sources, notices);
    const pack::Listing listing = source->list(
        [](const fs::path& folder, std::span<const std::string_view> extensions) { return io::scan_folder(folder, extensions); });
    digest.add(split);
    digest.add(source->definition());
    digest.add(source->orientation(options.orientation));
    add_file(digest, sources.annotations);
    for (const pack::SourceSample& sample : listing.samples) {
      digest.add(sample.image, content);
      digest.add(sample.annotation);
      digest.add(fmt::format("{}", fmt::join(sample.labels, ",")));
      if (sample.mask) {
        digest.add(*sample.mask, content);
      }
    }
    for (const pack::SourceProblem& problem : listing.problems) {
      digest.add(problem.image, content);
    }
  }
  content.fingerprint = digest.hex();
  return content;
}

CachedData::CachedData(const fs::path& cache, const std::string& fingerprint)
    : folder_(cache / fingerprint), record_(cache / (fingerprint + ".json")), lock_path_(cache / (fingerprint + ".lock")) {}

bool CachedData::complete() const {
  if (!fs::exists(record_) || !fs::exists(folder_ / data::kManifestFile)) {
    return false;
  }
  const io::Value record = io::read_value_file(record_);
  const io::Value* plans = record.find("plan_hash");
  return plans != nullptr && *plans == plan_hashes(data::read_manifest(folder_));
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
      {{"format", "muster-data-cache"}, {"plan_hash", plan_hashes(data::read_manifest(folder_))}, {"sources", std::move(sources)}});
  write_file_atomically(record_, io::to_json(record) + "\n");
}

}  // namespace muster::app
