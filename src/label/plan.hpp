// What one folder of masks holds: which images, labelled by what, cut into which chunks. The first worker writes it to
// OUT/_muster/plan.jsonl, one line about the whole and one line per image; all others, and every later start, must agree with it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "label/image_list.hpp"
#include "label/label_folder.hpp"

namespace muster::label {

inline constexpr std::size_t kChunkImages = 64;  // at most

struct LabelPlan {
  ImageList list;
  std::string model;                     // for people: where the weights came from
  std::string labeller;                  // hash of all that decides a mask's bytes: weights, classes, windows, batch
  std::vector<std::size_t> chunk_begin;  // first image of each chunk, then the number of images

  std::size_t num_chunks() const noexcept { return chunk_begin.size() - 1; }
};

// Chunks of about equal cost (an image costs its bytes and a fixed share), about 512 of them, or more where that would be more
// than kChunkImages each.
std::vector<std::size_t> cut_into_chunks(const std::vector<ListedImage>& images);

LabelPlan make_plan(ImageList list, std::string model, std::string labeller);

// Writes the plan, or agrees with the one that is there, whose chunks count then. Checks the free space before a new one is written.
// ConfigError: the folder holds another labelling (other images, model or settings), or masks of none. OutputError.
LabelPlan join_plan(LabelPlan plan, const LabelFolder& folder, const std::string& worker);

}  // namespace muster::label
