// Weights that others publish: under which name, where, and what their licence asks for. Nothing here goes to the network.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "model/model_table.hpp"

namespace muster::weights {

struct PublishedWeights {
  std::string file;         // its name there, and in the cache: "dinov2_vits14_reg4_pretrain.pth"
  std::string url;          // of that file
  std::string repository;   // with the same weights at Hugging Face, "facebook/dinov2-with-registers-small"; empty = none known
  std::string sha256;       // that its SHA-256 begins with, as far as it was published; else empty
  std::string_view access;  // the page where the licence is accepted first; empty = anybody may fetch it
  bool gated() const noexcept { return !access.empty(); }
};

// Of a row of the table. Sources: hub/backbones.py of facebookresearch/dinov2 and dinov3; lightly-train for vitt16*.
PublishedWeights published_backbone(const model::BackboneRow& row);

// EoMT models that LightlyTrain publishes, by the names that it gives them: "dinov3/vits16-eomt-coco".
struct PublishedModel {
  std::string_view name;
  std::string_view path;    // below kLightlyTrainUrl
  std::string_view sha256;  // all of it
};
std::span<const PublishedModel> published_models();
const PublishedModel* find_published_model(std::string_view name);
PublishedWeights published_weights(const PublishedModel& model);

// The digits of a SHA-256 that a file's name promises, as PyTorch's hub writes them ("..-08c60483.pth"); else empty.
std::string promised_sha256(std::string_view file_name);

}  // namespace muster::weights
