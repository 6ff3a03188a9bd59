// A small labelling: pictures whose colour says what their labels are, and a predictor that reads it.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "image/encode.hpp"
#include "label/labelling.hpp"
#include "support/temporary_folder.hpp"

namespace muster::label::testing_support {

namespace fs = std::filesystem;

inline void put(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

inline LabelledClasses three_classes() {
  return {.ids = {0, 7, 200}, .names = {"sky", "road", "sea"}, .colors = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}}};
}

// The label of a pixel is its red value modulo 3. Gives images back three at a time, as a model with a batch does.
class RedModulo3 : public Predictor {
 public:
  std::vector<Predicted> push(std::size_t ticket, const image::Image& image) override {
    image::LabelMap labels(image.height, image.width);
    for (std::size_t i = 0; i < labels.values.size(); ++i) {
      labels.values[i] = image.pixels[3 * i] % 3;
    }
    waiting_.push_back({.ticket = ticket, .labels = std::move(labels)});
    return waiting_.size() == 3 ? flush() : std::vector<Predicted>();
  }
  std::vector<Predicted> flush() override { return std::exchange(waiting_, {}); }

 private:
  std::vector<Predicted> waiting_;
};

class LabellingTest : public testing::Test {
 protected:
  // photos/a/0.png, photos/b/1.png, ... of different sizes and colours.
  void add_photos(int count) {
    for (int i = 0; i < count; ++i) {
      image::Image image(4 + i % 3, 5 + i % 4);
      for (std::size_t p = 0; p < image.pixels.size(); ++p) {
        image.pixels[p] = static_cast<std::uint8_t>(i * 7 + static_cast<int>(p));
      }
      const std::vector<std::byte> bytes = image::encode_png(image);
      put(photos() / (i % 2 == 0 ? "a" : "b") / (std::to_string(i) + ".png"), {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
  }

  fs::path photos() const { return temporary_ / "photos"; }
  LabelFolder folder(const std::string& name = "out") const { return {.out = temporary_ / name}; }

  static WorkerSettings settings(const std::string& suffix = "", double lease_s = 60) {
    return {.worker = this_worker(suffix), .lease_s = lease_s, .threads = 1, .lookahead = 4, .overlays = 2};
  }

  LabelPlan plan(const LabelFolder& in, const std::string& worker = "w") const {
    return join_plan(make_plan(list_images(photos(), in.out, false), "runs/a", "model 1"), in, worker);
  }

  // One worker, from its plan to the end.
  LabelSummary label(const LabelFolder& in, const WorkerSettings& with, Predictor& predictor) const {
    const LabelPlan joined = plan(in, with.worker.name());
    const LabelledClasses classes = three_classes();
    return run_labelling(joined, in, classes, predictor, with);
  }
  LabelSummary label(const LabelFolder& in, const WorkerSettings& with = settings()) const {
    RedModulo3 predictor;
    return label(in, with, predictor);
  }

  // The bytes of all masks by name.
  static std::map<std::string, std::string> masks(const LabelFolder& in) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(in.out)) {
      const std::string name = fs::relative(entry.path(), in.out);
      if (entry.is_regular_file() && !name.starts_with("_muster")) {
        files[name] = read_file(entry.path());
      }
    }
    return files;
  }
  static std::vector<std::string> lines(const fs::path& path) {
    std::vector<std::string> all;
    std::ifstream stream(path);
    for (std::string line; std::getline(stream, line);) {
      all.push_back(line);
    }
    return all;
  }

  muster::testing_support::TemporaryFolder temporary_;
};

}  // namespace muster::label::testing_support
