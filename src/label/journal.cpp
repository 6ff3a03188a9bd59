#include "label/journal.hpp"

#include <algorithm>
#include <utility>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "io/value.hpp"

namespace muster::label {
namespace {

namespace fs = std::filesystem;

JournalEntry parse_entry(std::string_view line, const std::string& where) {
  try {
    const io::Value value = io::parse_json(line, where);
    JournalEntry entry{
        .image = value.at("image").as_string(), .mask = {}, .hash = {}, .error = {}, .worker = value.at("worker").as_string()};
    if (const io::Value* error = value.find("error")) {
      entry.error = error->as_string();
      return entry;
    }
    entry.mask = value.at("mask").as_string();
    entry.hash = value.at("hash").as_string();
    entry.bytes = value.at("bytes").as_uint();
    return entry;
  } catch (const ConfigError& error) {
    throw DataError("{}; remove this file and start labelling again, which looks at the masks themselves", error.what());
  }
}

void merge_into(MergedJournal& merged, JournalEntry entry) {
  const auto [place, is_new] = merged.by_image.emplace(entry.image, entry);
  JournalEntry& there = place->second;
  if (is_new || entry.failed()) {
    return;
  }
  if (there.failed()) {
    there = std::move(entry);
  } else if (there.hash != entry.hash) {
    merged.conflicts.push_back(fmt::format("{}: its mask {} had hash {} for worker {}, and {} for {}", entry.image, entry.mask, there.hash,
                                           there.worker, entry.hash, entry.worker));
  }
}

void read_journal(const fs::path& path, MergedJournal& merged) {
  const std::string text = read_file(path);
  std::string_view rest = text;
  for (std::size_t end = rest.find('\n'), number = 1; end != std::string_view::npos; end = rest.find('\n'), ++number) {
    merge_into(merged, parse_entry(rest.substr(0, end), fmt::format("{}:{}", path.string(), number)));
    rest.remove_prefix(end + 1);
  }
}

}  // namespace

std::string to_json_line(const JournalEntry& entry) {
  io::Value value = io::Value::map({{"image", entry.image}});
  if (entry.failed()) {
    value.set("error", entry.error);
  } else {
    value.set("mask", entry.mask);
    value.set("hash", entry.hash);
    value.set("bytes", entry.bytes);
  }
  value.set("worker", entry.worker);
  return io::to_json(value, -1) + '\n';
}

Journal::Journal(const fs::path& folder, std::string worker) : worker_(std::move(worker)), file_(folder / (worker_ + ".jsonl")) {}

void Journal::add(JournalEntry entry) {
  entry.worker = worker_;
  file_.append(to_json_line(entry));
}

MergedJournal read_journals(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& file : fs::directory_iterator(folder)) {
    if (file.path().extension() == ".jsonl") {
      files.push_back(file.path());
    }
  }
  std::ranges::sort(files);  // which of equal entries stays does not depend on the file system
  MergedJournal merged;
  for (const fs::path& file : files) {
    read_journal(file, merged);
  }
  return merged;
}

}  // namespace muster::label
