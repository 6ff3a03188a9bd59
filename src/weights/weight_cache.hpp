// The folder where published weight files wait for runs: $MUSTER_MODEL_CACHE, else ~/.cache/muster. It is filled by
// `muster models fetch` on a machine with a network, or by hand; a job only ever reads it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "model/eomt_options.hpp"
#include "weights/published.hpp"

namespace muster::weights {

// ConfigError when neither MUSTER_MODEL_CACHE nor HOME is set.
std::filesystem::path cache_folder();

// The published file, or the Hugging Face repository with the same weights (a folder dinov2-small or facebook--dinov2-small).
std::optional<std::filesystem::path> find_cached(const PublishedWeights& weights);

// Where `muster models fetch` puts what lies at an address: under the last part of its path. A Hugging Face repository
// (https://huggingface.co/OWNER/NAME) becomes the folder OWNER--NAME, and a single file of one lies in that folder too.
// ConfigError for an address without a usable name.
struct FetchPlace {
  std::string name;         // below the cache's folder
  bool repository = false;  // several files: `name` is a folder
};
FetchPlace place_of(const std::string& url);

// "dinov3_vits16_..-08c60483.pth (or the folder dinov3-vits16-.. of https://huggingface.co/facebook/..) is not in /home/a/.cache/muster;
// it is gated: ..; fetch it with .., or put it there by hand".
std::string how_to_get(const PublishedWeights& weights, const std::string& fetch_name);

// The backbone of `model` (a name without -notpretrained): backbone_weights, else what backbone_url staged, else the cache.
// ConfigError that says which file, from where, whether it is gated, and how to put it in place.
std::filesystem::path find_backbone_weights(const std::string& model, const model::EomtOptions& options);

}  // namespace muster::weights
