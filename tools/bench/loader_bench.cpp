// A worker of data_vs_peers.py: from packed samples to batches, by the Loader that training uses.
//   loader_bench pack OUT IMAGES [MASKS]            a packed set of the files as they are: one class (IMAGES alone), or masks of 19
//   loader_bench rrc SET THREADS IMAGES BATCH       RandomResizedCrop-224, flip, normalise
//   loader_bench crop SET THREADS IMAGES BATCH      a 512 x 512 window of images and masks, flip, normalise, train indices
//   loader_bench steps SET IMAGES                   milliseconds of the steps of rrc, one thread: read, decode, transform, normalise
// rrc and crop fill the caches with one epoch, then print "images seconds cpu_seconds" of IMAGES more.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include <malloc.h>
#include <sys/resource.h>

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "core/error.hpp"
#include "data/dataset.hpp"
#include "data/loader.hpp"
#include "data/mask_codec.hpp"
#include "data/shard_writer.hpp"
#include "data/transform.hpp"
#include "image/decode.hpp"

namespace {

using namespace muster;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Of all threads of this process.
double cpu_seconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::vector<std::byte> bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

void pack(const fs::path& out, const fs::path& images, const fs::path& masks) {
  data::ShardIdentity identity;
  identity.task = masks.empty() ? "image_classification" : "semantic_segmentation";
  identity.split = "train";
  identity.plan_hash = "bench";
  identity.producer = "loader_bench";
  std::vector<std::pair<std::int32_t, std::string>> classes;
  for (int id = 0; id < (masks.empty() ? 1 : 19); ++id) {
    classes.emplace_back(id, fmt::format("class {}", id));
  }
  identity.classes = data::make_class_list(classes);
  std::vector<fs::path> files(fs::directory_iterator(images), {});
  std::ranges::sort(files);
  data::ShardWriter writer(identity);
  for (const fs::path& file : files) {
    data::SampleRecord record;
    record.key = file.filename().string();
    record.image = bytes_of(file);
    record.image_codec = image::Codec::kJpeg;
    const image::ImageInfo info = image::probe(record.image, record.key);
    record.height = record.source_height = static_cast<std::uint32_t>(info.height);
    record.width = record.source_width = static_cast<std::uint32_t>(info.width);
    if (masks.empty()) {
      record.label = 0;
    } else {
      const image::LabelMap labels = image::decode_labels(bytes_of(masks / file.stem().concat(".png")), record.key);
      record.mask = data::encode_mask(labels, 1);
      record.mask_codec = image::Codec::kZlibRaw;
      for (std::uint16_t id = 0; id < 19; ++id) {
        if (const auto pixels = std::count(labels.values.begin(), labels.values.end(), id); pixels > 0) {
          record.histogram.push_back({.class_index = id, .pixels = static_cast<std::uint32_t>(pixels)});
        }
      }
    }
    writer.add(std::move(record));
  }
  fs::create_directories(out);
  data::ManifestSplit split;
  split.plan_hash = identity.plan_hash;
  split.shards.push_back(writer.finish(out));
  split.num_samples = data::link_shards(split.shards);
  const data::SplitIndex index = data::write_split_index(out, identity, split.shards);
  split.index = index.file;
  split.fingerprint = index.fingerprint;
  data::Manifest manifest;
  manifest.task = identity.task;
  manifest.producer = {{"muster", "loader_bench"}};
  manifest.classes = identity.classes;
  manifest.splits["train"] = split;
  data::write_manifest(out, manifest);
  fmt::print("{} images\n", split.num_samples);
}

data::TransformOptions options_of(const std::string& what) {
  data::TransformOptions options;
  options.color_jitter.prob = 0;
  options.scale_jitter.prob = 0;
  if (what == "crop") {
    options.image_size = {512, 512};
  } else {
    options.image_size = {224, 224};
    options.random_resized_crop.prob = 1;
  }
  return options;
}

void load(const std::string& what, const fs::path& folder, int threads, std::uint64_t images, int batch) {
  const data::Dataset dataset = data::Dataset::open(folder);
  const data::ShardReader reader = dataset.split("train");
  const data::TrainClasses classes(dataset.classes());
  const data::TransformOptions options = options_of(what);
  data::Loader loader(reader, classes, data::TrainTransform(options, classes.learned()), options.normalize, {.threads = threads},
                      {.batch_size = batch, .height = options.crop_height(), .width = options.crop_width()});
  while (loader.position() < reader.size()) {
    (void)loader.next();
  }
  const std::uint64_t first = loader.position();
  const double cpu = cpu_seconds();
  const Clock::time_point begin = Clock::now();
  while (loader.position() < first + images) {
    (void)loader.next();
  }
  fmt::print("{} {:.4f} {:.4f}\n", loader.position() - first, seconds_since(begin), cpu_seconds() - cpu);
}

// Step by step on one thread. `decode` is of the whole picture, which the transform, decoding for itself, does not do.
void steps(const fs::path& folder, std::uint32_t images) {
  const data::Dataset dataset = data::Dataset::open(folder);
  const data::ShardReader reader = dataset.split("train");
  const data::TransformOptions options = options_of("rrc");
  const data::TrainTransform transform(options);
  const data::Normaliser normalise(options.normalize.mean, options.normalize.std);
  std::vector<float> floats(3 * 224 * 224);
  double read_s = 0, decode_s = 0, transform_s = 0, normalise_s = 0;
  for (std::uint32_t i = 0; i < images + reader.size(); ++i) {
    if (i == reader.size()) {  // the caches are full
      read_s = decode_s = transform_s = normalise_s = 0;
    }
    Clock::time_point at = Clock::now();
    const auto lap = [&at](double& sum) {
      sum += seconds_since(at);
      at = Clock::now();
    };
    const data::EncodedSample stored = reader.read(i % reader.size());
    lap(read_s);
    (void)image::decode_rgb(stored.image, "image");
    lap(decode_s);
    const data::Sample sample = transform(stored, "image", 0, i / reader.size());
    lap(transform_s);
    normalise(sample.image, floats.data());
    lap(normalise_s);
  }
  const double ms = 1e3 / images;
  fmt::print("read {:.3f} ms, decode the whole {:.3f} ms, transform {:.3f} ms, normalise {:.3f} ms\n", read_s * ms, decode_s * ms,
             transform_s * ms, normalise_s * ms);
}

}  // namespace

int main(int argc, char** argv) {
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // as src/app/process_setup.cpp, with its reasons
  mallopt(M_TRIM_THRESHOLD, -1);
  at::set_num_threads(1);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    if (arguments.size() >= 3 && arguments[0] == "pack") {
      pack(arguments[1], arguments[2], arguments.size() > 3 ? fs::path(arguments[3]) : fs::path());
    } else if (arguments.size() == 5 && (arguments[0] == "rrc" || arguments[0] == "crop")) {
      load(arguments[0], arguments[1], std::stoi(arguments[2]), std::stoull(arguments[3]), std::stoi(arguments[4]));
    } else if (arguments.size() == 3 && arguments[0] == "steps") {
      steps(arguments[1], static_cast<std::uint32_t>(std::stoul(arguments[2])));
    } else {
      fmt::print(stderr, "loader_bench pack OUT IMAGES [MASKS] | rrc SET THREADS IMAGES BATCH | crop ... | steps SET IMAGES\n");
      return 2;
    }
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
  return 0;
}
