// Small sets of images and masks, made on the spot.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/atomic_file.hpp"
#include "image/encode.hpp"
#include "io/source_scan.hpp"
#include "pack/pack_options.hpp"
#include "support/temporary_folder.hpp"

namespace muster::pack::testing_support {

namespace fs = std::filesystem;

inline void put(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}
inline void put(const fs::path& path, std::span<const std::byte> bytes) {
  put(path, std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

// Cut short behind an end mark, so that its end looks whole and only decoding finds it.
inline void damage_inside(const fs::path& jpeg) {
  const std::string bytes = read_file(jpeg);
  put(jpeg, bytes.substr(0, bytes.size() * 2 / 3) + "\xFF\xD9");
}

// A JPEG that says how it is to be turned.
inline std::string with_exif_orientation(const std::vector<std::byte>& jpeg, int orientation) {
  std::string bytes(reinterpret_cast<const char*>(jpeg.data()), jpeg.size());
  std::string exif(
      "\xFF\xE1\0\x22"
      "Exif\0\0"
      "MM\0*\0\0\0\x08"
      "\0\x01"
      "\x01\x12\0\x03\0\0\0\x01\0\0\0\0"
      "\0\0\0\0",
      36);
  exif[29] = static_cast<char>(orientation);
  return bytes.insert(2, exif);
}

inline image::Image gradient(int height, int width, int shade) {
  image::Image image(height, width);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      std::uint8_t* pixel = image.row(y) + 3 * x;
      pixel[0] = static_cast<std::uint8_t>(shade + x);
      pixel[1] = static_cast<std::uint8_t>(shade + 2 * y);
      pixel[2] = static_cast<std::uint8_t>(shade * 3);
    }
  }
  return image;
}

// Value of each pixel by row and column.
inline image::LabelMap labels(int height, int width, const std::function<int(int, int)>& value) {
  image::LabelMap map(height, width);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      map.row(y)[x] = static_cast<std::uint16_t>(value(y, x));
    }
  }
  return map;
}

// images/, masks/ and classes.json in a folder of their own; ids 0 and 7, void 255.
class Sources {
 public:
  Sources() { put(folder_ / "classes.json", R"({"classes": {"7": "road", "0": "sky"}, "ignore_classes": [255, 7], "source": "made"})"); }

  void add(const std::string& stem, int height, int width, int shade) {
    put(images() / (stem + ".jpg"), image::encode_jpeg(gradient(height, width, shade), 90));
    add_mask(stem, labels(height, width, [](int y, int x) { return x == 0 ? 255 : y % 2 == 0 ? 0 : 7; }));
  }
  void add_mask(const std::string& stem, const image::LabelMap& map) { put(masks() / (stem + ".png"), image::encode_png_labels(map, 8)); }
  void add_many(int count) {
    for (int i = 0; i < count; ++i) {
      add((i % 2 == 0 ? "a/tile" : "b/tile") + std::to_string(i), 16 + i % 3, 24, 10 * i);
    }
  }

  fs::path images() const { return folder_ / "images"; }
  fs::path masks() const { return folder_ / "masks"; }
  fs::path path() const { return folder_.path(); }
  fs::path out(const std::string& name = "packed") const { return folder_ / name; }

  PackOptions options(const std::string& split = "train", const std::string& out_name = "packed") const {
    PackOptions options;
    options.images = images();
    options.masks = masks();
    options.classes = folder_ / "classes.json";
    options.split = split;
    options.out = out(out_name);
    options.threads = 2;
    return options;
  }

 private:
  muster::testing_support::TemporaryFolder folder_;
};

// A search by this process alone.
inline io::Scan scan_here(const fs::path& folder, std::span<const std::string_view> extensions, const fs::path& except) {
  return io::scan_folder(folder, extensions, except);
}

// Contents by relative path of all files below a folder.
inline std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) {
      files[fs::relative(entry.path(), folder)] = read_file(entry.path());
    }
  }
  return files;
}

// What `call` throws of type Error.
template <class Error, class Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing of that kind was thrown";
}

}  // namespace muster::pack::testing_support
