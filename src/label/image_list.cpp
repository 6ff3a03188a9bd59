#include "label/image_list.hpp"

#include <algorithm>
#include <map>
#include <sstream>
#include <string_view>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "core/hash.hpp"
#include "io/source_scan.hpp"
#include "io/value.hpp"

namespace muster::label {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kListExtension[] = {"txt"};

fs::path full_path(const fs::path& path) {
  fs::path plain = fs::absolute(path).lexically_normal();
  return plain.has_filename() ? plain : plain.parent_path();  // "photos/" is "photos"
}

// The files and folders that `data` names, absolute.
std::vector<fs::path> entries_of(const fs::path& data) {
  if (fs::is_directory(data) || !io::has_extension(data.filename().string(), kListExtension)) {
    return {full_path(data)};
  }
  std::vector<fs::path> entries;
  std::istringstream lines(read_file(data));
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.ends_with('\r')) {
      line.pop_back();
    }
    if (line.empty()) {
      continue;
    }
    if (!fs::exists(line)) {
      throw ConfigError("{}:{}: there is no {} (lines are relative to {})", data.string(), number, line, fs::current_path().string());
    }
    entries.push_back(full_path(line));
  }
  return entries;
}

fs::path shared_folder(const std::vector<fs::path>& entries) {
  fs::path shared;
  for (const fs::path& entry : entries) {
    const fs::path folder = fs::is_directory(entry) ? entry : entry.parent_path();
    if (shared.empty()) {
      shared = folder;
    }
    fs::path common;
    for (auto a = shared.begin(), b = folder.begin(); a != shared.end() && b != folder.end() && *a == *b; ++a, ++b) {
      common /= *a;
    }
    shared = common;
  }
  return shared;
}

// Adds what is found under one entry, by key, so that an image named twice is labelled once.
void collect(const fs::path& entry, const fs::path& out, ImageList& list, std::map<std::string, ListedImage>& by_key) {
  const auto add = [&](const fs::path& path, std::uint64_t bytes) {
    const std::string key = path.lexically_relative(list.root).generic_string();
    by_key[key] = {.key = key, .path = path, .mask = {}, .bytes = bytes};
  };
  if (!fs::is_directory(entry)) {
    add(entry, fs::file_size(entry));
    return;
  }
  const io::Scan scan = io::scan_folder(entry, io::kImageExtensions, out);
  list.other_files += scan.other_files;
  for (const io::SourceFile& file : scan.files) {
    add(entry / file.key, file.bytes);
  }
}

void check_utf8(const ListedImage& image) {
  try {
    (void)io::to_json(image.key);
  } catch (const DataError&) {
    throw DataError("{}: the name is not UTF-8; rename the file", image.path.string());
  }
}

void name_masks(std::vector<ListedImage>& images, bool keep_extension) {
  std::map<std::string, std::vector<ListedImage*>> by_stem;
  for (ListedImage& image : images) {
    check_utf8(image);
    by_stem[std::string(io::without_extension(image.key))].push_back(&image);
  }
  for (const auto& [stem, rivals] : by_stem) {
    if (rivals.size() > 1 && !keep_extension) {
      throw DataError(
          "{} and {} would share the mask {}.png; rename one, or set on_collision=keep_extension for the masks {}.png and {}.png",
          rivals[0]->key, rivals[1]->key, stem, rivals[0]->key, rivals[1]->key);
    }
    for (ListedImage* image : rivals) {
      image->mask = (rivals.size() > 1 ? image->key : stem) + ".png";
    }
  }
  std::map<std::string_view, const ListedImage*> by_mask;
  for (const ListedImage& image : images) {
    const auto [place, is_new] = by_mask.emplace(image.mask, &image);
    if (!is_new) {
      throw DataError("{} and {} would share the mask {}; rename one", place->second->key, image.key, image.mask);
    }
  }
}

}  // namespace

std::string ImageList::hash() const {
  Xxh3Stream stream;
  for (const ListedImage& image : images) {
    stream.update(image.key);
    stream.update(std::string_view("\0", 1));
    stream.update(image.mask);
    stream.update(std::string_view("\0", 1));
  }
  return stream.hex();
}

ImageList list_images(const fs::path& data, const fs::path& out, bool keep_extension) {
  const std::vector<fs::path> entries = entries_of(data);
  ImageList list{.root = shared_folder(entries), .images = {}};
  std::error_code not_there;
  if (fs::equivalent(list.root, out, not_there)) {
    throw ConfigError("out={} is the folder of the images itself; choose another, so that masks and images do not mix", out.string());
  }
  std::map<std::string, ListedImage> by_key;
  for (const fs::path& entry : entries) {
    collect(entry, out, list, by_key);
  }
  for (auto& [key, image] : by_key) {
    list.images.push_back(std::move(image));
  }
  if (list.images.empty()) {
    throw ConfigError("data={}: no images among {} files; wanted are the extensions {}", data.string(), list.other_files,
                      fmt::join(io::kImageExtensions, " "));
  }
  name_masks(list.images, keep_extension);
  return list;
}

}  // namespace muster::label
