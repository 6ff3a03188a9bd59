#include "label/plan.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "io/value.hpp"
#include "label/disk_space.hpp"
#include "label/exclusive_file.hpp"

namespace muster::label {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFormat = "muster-labels";
constexpr int kVersion = 1;
constexpr std::size_t kWantedChunks = 512;
constexpr std::uint64_t kFixedCost = 256 << 10;  // bytes: what an image costs beside its size

struct PlanHeader {
  std::string list_hash;
  std::size_t images = 0;
  std::string model;
  std::string labeller;
  std::vector<std::size_t> chunk_begin;
};

std::string text_of(const LabelPlan& plan) {
  io::Value chunks = io::Value::list();
  for (const std::size_t begin : plan.chunk_begin) {
    chunks.push_back(begin);
  }
  std::string text = io::to_json(io::Value::map({{"format", kFormat},
                                                 {"version", kVersion},
                                                 {"images", plan.list.images.size()},
                                                 {"list", plan.list.hash()},
                                                 {"model", plan.model},
                                                 {"labeller", plan.labeller},
                                                 {"chunks", std::move(chunks)}}),
                                 -1) +
                     '\n';
  for (const ListedImage& image : plan.list.images) {
    text += io::to_json(io::Value::map({{"image", image.key}, {"mask", image.mask}, {"bytes", image.bytes}}), -1) + '\n';
  }
  return text;
}

std::optional<PlanHeader> read_plan(const fs::path& path) {
  if (!fs::exists(path)) {
    return std::nullopt;
  }
  const std::string text = read_file(path);
  const io::Value value = io::parse_json(text.substr(0, text.find('\n')), path.string());
  if (value.at("format").as_string() != kFormat || value.at("version").as_int() != kVersion) {
    throw ConfigError("{} is of another version of Muster; choose another out", path.string());
  }
  PlanHeader header{.list_hash = value.at("list").as_string(),
                    .images = value.at("images").as_uint(),
                    .model = value.at("model").as_string(),
                    .labeller = value.at("labeller").as_string(),
                    .chunk_begin = {}};
  for (const io::Value& begin : value.at("chunks").as_list()) {
    header.chunk_begin.push_back(begin.as_uint());
  }
  return header;
}

LabelPlan agree(LabelPlan plan, const PlanHeader& there, const LabelFolder& folder) {
  if (there.list_hash != plan.list.hash()) {
    throw ConfigError(
        "out={} holds the labels of {} other images or names, this list has {}; two labellings in one folder are not kept apart, so choose "
        "another out",
        folder.out.string(), there.images, plan.list.images.size());
  }
  if (there.labeller != plan.labeller) {
    throw ConfigError("out={} holds labels made by {} with other weights, classes or batch_size than {}; choose another out",
                      folder.out.string(), there.model, plan.model);
  }
  plan.chunk_begin = there.chunk_begin;
  return plan;
}

void refuse_foreign_masks(const LabelPlan& plan, const LabelFolder& folder) {
  const auto found = std::ranges::find_if(plan.list.images, [&](const ListedImage& image) { return fs::exists(folder.out / image.mask); });
  // Another worker may have begun since we looked for its plan.
  if (found != plan.list.images.end() && !fs::exists(folder.plan())) {
    throw ConfigError("{} is there already, and not from this labelling; choose another out", (folder.out / found->mask).string());
  }
}

}  // namespace

std::vector<std::size_t> cut_into_chunks(const std::vector<ListedImage>& images) {
  std::uint64_t total = 0;
  for (const ListedImage& image : images) {
    total += image.bytes + kFixedCost;
  }
  const std::uint64_t wanted = total / kWantedChunks;
  std::vector<std::size_t> begin{0};
  std::uint64_t cost = 0;
  for (std::size_t i = 0; i < images.size(); ++i) {
    if (i > begin.back() && (cost >= wanted || i - begin.back() == kChunkImages)) {
      begin.push_back(i);
      cost = 0;
    }
    cost += images[i].bytes + kFixedCost;
  }
  begin.push_back(images.size());
  return begin;
}

LabelPlan make_plan(ImageList list, std::string model, std::string labeller) {
  LabelPlan plan{.list = std::move(list), .model = std::move(model), .labeller = std::move(labeller), .chunk_begin = {}};
  plan.chunk_begin = cut_into_chunks(plan.list.images);
  return plan;
}

LabelPlan join_plan(LabelPlan plan, const LabelFolder& folder, const std::string& worker) {
  for (const fs::path& part : {folder.claims(), folder.journals(), folder.temporaries()}) {
    make_folder(part);
  }
  if (const auto there = read_plan(folder.plan())) {
    return agree(std::move(plan), *there, folder);
  }
  refuse_foreign_masks(plan, folder);
  check_free_space(folder.out, expected_mask_bytes(plan.list.images));
  if (create_exclusively(folder.plan(), folder.temporaries() / worker, text_of(plan))) {
    return plan;
  }
  return agree(std::move(plan), read_plan(folder.plan()).value(), folder);
}

}  // namespace muster::label
