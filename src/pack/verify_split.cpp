#include "pack/verify_split.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <utility>

#include <fmt/ranges.h>

#include "core/error.hpp"
#include "data/shard_format.hpp"
#include "pack/statistics.hpp"
#include "pack/verify_sample.hpp"

namespace muster::pack {

namespace fs = std::filesystem;

using data::IndexColumns;

namespace {

constexpr std::uint32_t kSamplesPerItem = 64;  // decoding them takes about 0.1 s

VerifyProblem problem_of(std::string file, std::string reason) {
  return {.file = std::move(file), .sample = std::nullopt, .key = {}, .reason = std::move(reason)};
}

// Rows of the column that hold the values of samples first to first + count.
std::pair<std::size_t, std::size_t> entries_of(const IndexColumns& c, data::ColumnLength length, std::size_t first, std::size_t count) {
  const auto between = [&](const std::vector<std::uint64_t>& pointers) -> std::pair<std::size_t, std::size_t> {
    return pointers.empty() ? std::pair<std::size_t, std::size_t>{0, 0} : std::pair{pointers[first], pointers[first + count]};
  };
  switch (length) {
    case data::ColumnLength::kSamples:
      return {first, first + count};
    case data::ColumnLength::kSamplesPlusOne:
      return {first, first + count + 1};
    case data::ColumnLength::kEntries:
      return between(c.class_ptr);
    case data::ColumnLength::kLabels:
      return between(c.labels_ptr);
    case data::ColumnLength::kSegments:
      return between(c.segments_ptr);
  }
  return {0, 0};
}

// The first column, by its path in the file, in which the two differ; "" when they are equal.
std::string first_difference(const IndexColumns& a, const IndexColumns& b) {
  std::string found;
  data::visit_columns(a, [&](std::string_view path, const auto& column, data::ColumnLength) {
    data::visit_columns(b, [&](std::string_view other, const auto& second, data::ColumnLength) {
      if constexpr (std::is_same_v<decltype(column), decltype(second)>) {
        if (path == other && found.empty() && column != second) {
          found = path;
        }
      }
    });
  });
  return found;
}

}  // namespace

IndexColumns rows_of(const IndexColumns& columns, std::size_t first, std::size_t count) {
  IndexColumns rows;
  const auto copy = [&](const auto& from, auto& to, data::ColumnLength length) {
    const auto [begin, end] = entries_of(columns, length, first, count);
    to.assign(from.begin() + static_cast<std::ptrdiff_t>(begin), from.begin() + static_cast<std::ptrdiff_t>(end));
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(to)>, std::vector<std::uint64_t>>) {
      if (length == data::ColumnLength::kSamplesPlusOne) {
        std::ranges::transform(to, to.begin(), [base = to.front()](std::uint64_t pointer) { return pointer - base; });
      }
    }
  };
  data::visit_columns(columns, [&](std::string_view path, const auto& from, data::ColumnLength length) {
    data::visit_columns(rows, [&](std::string_view other, auto& to, data::ColumnLength) {
      if constexpr (std::is_same_v<std::remove_cvref_t<decltype(from)>, std::remove_cvref_t<decltype(to)>>) {
        if (path == other && !from.empty()) {
          copy(from, to, length);
        }
      }
    });
  });
  return rows;
}

SplitUnderTest::SplitUnderTest(fs::path folder, const data::Manifest& manifest, std::string split, VerifyLevel level,
                               const SplitComparison* source)
    : folder_(std::move(folder)),
      manifest_(manifest),
      name_(std::move(split)),
      split_(manifest.splits.at(name_)),
      level_(level),
      source_(source) {
  for (const data::ManifestShard& entry : split_.shards) {
    shards_.push_back(std::make_unique<ShardUnderTest>(folder_, entry));
  }
}

std::vector<VerifyItem> SplitUnderTest::items() const {
  std::vector<VerifyItem> items;
  for (std::size_t shard = 0; shard < shards_.size(); ++shard) {
    items.push_back({.kind = VerifyItem::Kind::kFile, .shard = shard});
    const std::uint32_t samples = level_ == VerifyLevel::kQuick ? 0 : split_.shards[shard].num_samples;
    for (std::uint32_t begin = 0; begin < samples; begin += std::min(kSamplesPerItem, samples - begin)) {
      items.push_back(
          {.kind = VerifyItem::Kind::kSamples, .shard = shard, .begin = begin, .end = begin + std::min(kSamplesPerItem, samples - begin)});
    }
  }
  items.push_back({.kind = VerifyItem::Kind::kIndex});
  return items;
}

VerifyFindings SplitUnderTest::run(const VerifyItem& item, PixelSums& sums) {
  VerifyFindings found;
  switch (item.kind) {
    case VerifyItem::Kind::kIndex:
      check_index(found);
      break;
    case VerifyItem::Kind::kFile:
      check_file(item.shard, found);
      break;
    case VerifyItem::Kind::kSamples:
      check_samples(item, found, sums);
      break;
  }
  return found;
}

void SplitUnderTest::load_index() {
  std::call_once(index_loaded_, [this] {
    const fs::path path = folder_ / split_.index.file;
    try {
      std::error_code error;
      const std::uint64_t bytes = fs::file_size(path, error);
      if (error) {
        throw DataError("the file is missing: {}", error.message());
      }
      if (bytes != split_.index.bytes) {
        throw DataError("{} bytes, the manifest says {}; the file is cut short or replaced", bytes, split_.index.bytes);
      }
      if (data::file_digest(path).xxh3_128 != split_.index.xxh3_128) {
        throw DataError("the file's hash is not the manifest's {}; it is damaged: copy it again, or pack again", split_.index.xxh3_128);
      }
      data::IndexFile index = data::read_index_file(path);
      if (index.columns.size() != split_.num_samples) {
        throw DataError("lists {} samples, the manifest says {}; pack again", index.columns.size(), split_.num_samples);
      }
      index_ = std::move(index);
    } catch (const Error& error) {
      index_problem_ = error.what();
    }
  });
}

// From the joined index; where that is damaged, from the shard itself when its hash is right.
std::optional<SplitUnderTest::Rows> SplitUnderTest::rows_of_shard(std::size_t shard) {
  load_index();
  if (index_) {
    return Rows{.columns = &index_->columns, .base = split_.shards[shard].first_index};
  }
  try {
    if (shards_[shard]->whole() && shards_[shard]->contents().columns.size() == split_.shards[shard].num_samples) {
      return Rows{.columns = &shards_[shard]->contents().columns, .base = 0};
    }
  } catch (const Error&) {
    return std::nullopt;  // check_file() says why
  }
  return std::nullopt;
}

void SplitUnderTest::check_index(VerifyFindings& found) {
  load_index();
  const auto add = [&](const std::string& file, std::string reason) { found.problems.push_back(problem_of(file, std::move(reason))); };
  if (!index_) {
    add(split_.index.file, index_problem_);
    return;
  }
  const data::FileHead& head = index_->head;
  if (head.split != name_ || head.task != manifest_.task) {
    add(split_.index.file, fmt::format("is of split {} for {}, the manifest says {} for {}", head.split, head.task, name_, manifest_.task));
  }
  if (const std::string computed = data::fingerprint(index_->columns); computed != split_.fingerprint) {
    add(data::kManifestFile, fmt::format("split {} has fingerprint {}, its samples {}", name_, split_.fingerprint, computed));
  }
  std::unordered_set<std::string_view> keys;
  for (const std::string& key : index_->columns.key) {
    if (!keys.insert(key).second) {
      add(split_.index.file, fmt::format("the key {} occurs twice in split {}", key, name_));
    }
  }
  for (std::size_t shard = 0; shard < shards_.size(); ++shard) {
    const data::ManifestShard& entry = split_.shards[shard];
    const auto first = index_->shard.begin() + entry.first_index;
    if (std::any_of(first, first + entry.num_samples, [shard](std::uint32_t number) { return number != shard; })) {
      add(split_.index.file, fmt::format("samples {} to {} are not all in {}, which the manifest says", entry.first_index,
                                         entry.first_index + entry.num_samples - 1, entry.file));
    }
  }
  check_class_numbers(found);
}

// What the manifest counts and the columns can tell.
void SplitUnderTest::check_class_numbers(VerifyFindings& found) const {
  const IndexColumns& c = index_->columns;
  data::SplitStatistics counted;
  data::count_classes(c, manifest_.target(), manifest_.classes.size(), counted);
  for (std::size_t i = 0; i < c.size(); ++i) {
    ++counted.size_histogram[std::bit_ceil(std::max(c.height[i], c.width[i]))];
    counted.pixels += std::uint64_t{c.height[i]} * c.width[i];
  }
  const data::SplitStatistics& told = split_.statistics;
  const auto compare = [&](const char* what, bool equal) {
    if (!equal) {
      found.problems.push_back(
          problem_of(data::kManifestFile, fmt::format("splits.{}.stats.{} is not what the index gives; pack again", name_, what)));
    }
  };
  compare("pixels", told.pixels == counted.pixels);
  compare("size_histogram", told.size_histogram == counted.size_histogram);
  compare("class_pixels", told.class_pixels == counted.class_pixels);
  compare("class_images", told.class_images == counted.class_images);
  compare("class_segments", told.class_segments == counted.class_segments);
}

std::vector<VerifyProblem> SplitUnderTest::check_pixel_statistics(const PixelSums& sums) const {
  // Parts that were appended to a set without exact sums leave them a little off.
  const bool exact = split_.appended.empty();
  const data::SplitStatistics counted = split_statistics({}, sums, manifest_.target(), 0);
  std::vector<VerifyProblem> problems;
  const auto compare = [&]<class T>(const char* what, const std::vector<T>& told, const std::vector<T>& computed) {
    const auto near = [exact](T a, T b) { return a == b || (!exact && std::abs(double(a) - double(b)) <= 1e-6 * double(b)); };
    if (!std::ranges::equal(told, computed, near)) {
      problems.push_back(problem_of(data::kManifestFile, fmt::format("splits.{}.stats.{} is [{}], the images give [{}]; pack again", name_,
                                                                     what, fmt::join(told, ", "), fmt::join(computed, ", "))));
    }
  };
  compare("mean", split_.statistics.mean, counted.mean);
  compare("std", split_.statistics.std, counted.std);
  if (!split_.statistics.sum.empty()) {  // of older sets it is
    compare("sum", split_.statistics.sum, counted.sum);
    compare("squares", split_.statistics.squares, counted.squares);
  }
  return problems;
}

void SplitUnderTest::check_file(std::size_t number, VerifyFindings& found) {
  ShardUnderTest& shard = *shards_[number];
  const data::ManifestShard& entry = shard.entry();
  const std::optional<Rows> rows = rows_of_shard(number);
  if (!shard.problem().empty()) {
    std::string reason = shard.problem();
    if (rows && shard.readable()) {
      std::size_t lost = 0;
      for (std::size_t i = rows->base; i < rows->base + entry.num_samples; ++i) {
        lost += shard.payload_address() + end_of_sample(*rows->columns, i) > shard.file_bytes();
      }
      reason += lost == 0 ? "" : fmt::format("; {} of its {} samples lie behind the end", lost, entry.num_samples);
    }
    found.problems.push_back(problem_of(entry.file, std::move(reason)));
    return;
  }
  try {
    if (level_ != VerifyLevel::kQuick && !shard.whole()) {
      found.hash_problems.push_back(problem_of(
          entry.file,
          rows ? fmt::format("all samples are whole, but the file's hash is not the manifest's {}: bytes outside of them changed",
                             entry.xxh3_128)
               : fmt::format("the file's hash is not the manifest's {}, and without {} its samples cannot be found", entry.xxh3_128,
                             split_.index.file)));
      return;
    }
    check_contents(number);
  } catch (const Error& error) {
    found.problems.push_back(problem_of(entry.file, error.what()));
  }
}

// Of a shard whose hash is right, or at level quick.
void SplitUnderTest::check_contents(std::size_t number) {
  load_index();
  // Where rows come from the index, those of one shard at a time are enough.
  const std::optional<data::ShardFile> once = index_ ? std::optional(data::read_shard_file(shards_[number]->path())) : std::nullopt;
  const data::ShardFile& shard = once ? *once : shards_[number]->contents();
  const data::ManifestShard& entry = split_.shards[number];
  if (shard.head.uuid != entry.uuid || shard.head.split != name_ || shard.head.task != manifest_.task) {
    throw DataError("is shard {} of split {} for {}, the manifest says {} of {} for {}; it belongs to another packing", shard.head.uuid,
                    shard.head.split, shard.head.task, entry.uuid, name_, manifest_.task);
  }
  if (shard.payload.address != entry.payload_address || shard.payload.bytes != entry.payload_bytes) {
    throw DataError("the payload lies at {} with {} bytes, the manifest says {} with {}", shard.payload.address, shard.payload.bytes,
                    entry.payload_address, entry.payload_bytes);
  }
  if (shard.columns.size() != entry.num_samples) {
    throw DataError("{} samples, the manifest says {}", shard.columns.size(), entry.num_samples);
  }
  if (index_) {
    const std::string column = first_difference(shard.columns, rows_of(index_->columns, entry.first_index, entry.num_samples));
    if (!column.empty()) {
      throw DataError("its column /{} differs from that of {}", column, split_.index.file);
    }
  }
}

void SplitUnderTest::check_samples(const VerifyItem& item, VerifyFindings& found, PixelSums& sums) {
  ShardUnderTest& shard = *shards_[item.shard];
  const std::optional<Rows> rows = rows_of_shard(item.shard);
  if (!rows || !shard.readable()) {
    return;  // check_file() says why
  }
  UniqueFd fd;
  try {
    fd = shard.open();
  } catch (const Error& error) {
    found.problems.push_back(problem_of(shard.entry().file, error.what()));
    return;
  }
  const SampleChecks checks{
      .level = level_, .target = manifest_.target(), .classes = manifest_.classes, .max_side = manifest_.max_side, .source = source_};
  for (std::uint32_t i = item.begin; i < item.end; ++i) {
    const std::size_t row = rows->base + i;
    if (shard.payload_address() + end_of_sample(*rows->columns, row) > shard.file_bytes() && !shard.problem().empty()) {
      continue;  // counted by check_file()
    }
    try {
      verify_sample(fd.get(), shard.payload_address(), shard.entry().payload_bytes, *rows->columns, row, checks, sums);
    } catch (const Error& error) {
      found.problems.push_back(
          {.file = shard.entry().file, .sample = i, .key = printable(rows->columns->key[row]), .reason = printable(error.what())});
    }
  }
}

}  // namespace muster::pack
