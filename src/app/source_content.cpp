#include "app/source_content.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/ranges.h>

#include "config/recipe.hpp"
#include "core/atomic_file.hpp"
#include "core/hash.hpp"
#include "core/stop_flags.hpp"
#include "io/value.hpp"
#include "pack/ranks.hpp"
#include "pack/split_source.hpp"

namespace muster::app {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kReadBytes = std::size_t{1} << 20;

// Fields separated by zero bytes, which no key contains.
class ContentDigest {
 public:
  template <class T>
  void add(const T& field) {
    hash_.update(fmt::format("{}", field));
    hash_.update(std::string_view("\0", 1));
  }
  std::string hex() const { return hash_.hex(); }

 private:
  Xxh3Stream hash_;
};

// The keys that say how to pack, without those that say where and how fast, and without those that a source's definition() covers:
// which declared classes are ignored is no matter of packing (CONTRACTS 14).
std::string packing_rules(const pack::PackOptions& options) {
  pack::PackOptions rules = options;
  rules.out = rules.images = rules.masks = rules.annotations = rules.csv = rules.classes = "";
  rules.data.train = rules.data.val = rules.data.test = {};
  rules.data.train_csv = rules.data.val_csv = rules.data.test_csv = "";
  rules.data.classes = io::Value::map();
  rules.data.ignore_classes.clear();
  rules.reduce_labels = rules.data.reduce_labels = false;
  rules.threads = 0;
  rules.preflight = pack::PackOptions().preflight;
  return io::to_json(config::options_tree(rules), -1);
}

// Colours are stored with the names, and are no part of definition().
void add_colors(ContentDigest& digest, const data::ClassList& classes) {
  for (const auto& color : classes.colors) {
    digest.add(fmt::format("{}", fmt::join(color, " ")));
  }
}

io::SourceFile annotation_file(const std::string& path) {
  io::SourceFile file{.key = "annotations", .path = path, .bytes = 0, .mtime_ns = io::kNotLookedUp};
  io::look_up(std::span(&file, 1));
  return file;
}

void add_listing(const pack::Listing& listing, ContentDigest& rules, SourceContent& content) {
  rules.add(listing.samples.size());
  for (const pack::SourceSample& sample : listing.samples) {
    rules.add(sample.image.key);
    content.files.push_back(sample.image);
    rules.add(sample.annotation);
    rules.add(fmt::format("{}", fmt::join(sample.labels, ",")));
    rules.add(sample.mask ? sample.mask->key : "");
    if (sample.mask) {
      content.files.push_back(*sample.mask);
    }
  }
  for (const pack::SourceProblem& problem : listing.problems) {
    rules.add(problem.image.key);
    content.files.push_back(problem.image);
  }
}

bool is_as_listed(const io::SourceFile& file, const struct stat& status) {
  const auto nanoseconds = [](const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; };
  return static_cast<std::uint64_t>(status.st_size) == file.bytes && nanoseconds(status.st_mtim) == file.mtime_ns &&
         nanoseconds(status.st_ctim) == file.ctime_ns;
}

struct FileHash {
  std::string hex;  // "" for a file that cannot be read: pack() says what is wrong with it
  bool stable = false;
};

FileHash hash_file(const io::SourceFile& file, std::span<std::byte> buffer) {
  const UniqueFd fd(::open(file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // a named pipe is not waited for
  if (!fd) {
    return {.hex = {}, .stable = errno == ENOENT && file.mtime_ns == io::kNotLookedUp};  // it was not there before either
  }
  Xxh3Stream hash;
  ssize_t got = 1;
  while (got > 0) {
    got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got > 0) {
      hash.update(buffer.data(), static_cast<std::size_t>(got));
    } else if (got < 0 && errno == EINTR) {
      got = 1;
    }
  }
  struct stat status {};
  if (got < 0 || ::fstat(fd.get(), &status) != 0) {
    return {};
  }
  return {.hex = hash.hex(), .stable = is_as_listed(file, status)};
}

std::vector<FileHash> hash_files(const std::vector<io::SourceFile>& files) {
  std::vector<FileHash> hashes(files.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    const auto buffer = std::make_unique<std::byte[]>(kReadBytes);
    for (std::size_t i = next.fetch_add(1); i < files.size() && requested_stop() == 0; i = next.fetch_add(1)) {
      hashes[i] = hash_file(files[i], std::span(buffer.get(), kReadBytes));
    }
  };
  {
    std::vector<std::jthread> helpers;
    for (std::size_t i = 1; i < std::min(files.size(), std::size_t{io::kScanThreads}); ++i) {
      helpers.emplace_back(work);
    }
    work();
  }
  if (const int signal = requested_stop(); signal != 0) {
    throw pack::PackStopped("reading the sources stopped by signal {}; the same command begins again", signal);
  }
  return hashes;
}

}  // namespace

std::string SourceContent::signature() const {
  ContentDigest digest;
  digest.add("muster-data-source 1");
  digest.add(rules);
  digest.add(fs::current_path().string());  // paths may be relative
  for (const io::SourceFile& file : files) {
    digest.add(file.path.string());
    digest.add(file.bytes);
    digest.add(file.mtime_ns);
    digest.add(file.ctime_ns);
  }
  return digest.hex();
}

SourceContent source_content(const pack::PackOptions& options) {
  ContentDigest rules;
  rules.add("muster-data-cache 2");
  rules.add(packing_rules(options));
  SourceContent content;
  std::vector<std::string> notices;  // pack() tells them
  for (const auto& [split, sources] : pack::sources_by_split(options)) {
    const auto source = pack::make_split_source(options, split, sources, notices);
    const pack::Listing listing =
        source->list([](const fs::path& folder, std::span<const std::string_view> extensions, const fs::path& except) {
          return io::scan_folder(folder, extensions, except);
        });
    rules.add(split);
    rules.add(source->definition());
    add_colors(rules, source->classes());
    rules.add(source->orientation(options.orientation));
    if (!sources.annotations.empty()) {
      content.files.push_back(annotation_file(sources.annotations));
    }
    add_listing(listing, rules, content);
  }
  content.rules = rules.hex();
  for (const io::SourceFile& file : content.files) {
    content.bytes += file.bytes;
  }
  return content;
}

ContentFingerprint content_fingerprint(const SourceContent& content) {
  ContentDigest digest;
  digest.add(content.rules);
  bool stable = true;
  for (const FileHash& hash : hash_files(content.files)) {
    digest.add(hash.hex);
    stable = stable && hash.stable;
  }
  return {.hex = digest.hex(), .stable = stable};
}

}  // namespace muster::app
