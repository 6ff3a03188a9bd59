#include "weights/weight_cache.hpp"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "core/error.hpp"

namespace muster::weights {

namespace fs = std::filesystem;

namespace {

constexpr const char* kCacheVariable = "MUSTER_MODEL_CACHE";

bool holds_weights(const fs::path& folder) {
  return fs::exists(folder / "model.safetensors") || fs::exists(folder / "model.safetensors.index.json") ||
         fs::exists(folder / "pytorch_model.bin");
}

std::string folder_name(const std::string& repository) {
  return repository.substr(repository.rfind('/') + 1);
}

std::string with_owner(const std::string& repository) {
  std::string name = repository;
  const auto slash = name.find('/');
  return slash == std::string::npos ? name : name.replace(slash, 1, "--");
}

bool is_safe_name(const std::string& name) {
  return !name.empty() && name.front() != '.' && std::ranges::all_of(name, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_' || c == '+';
  });
}

bool is_weight_file(const std::string& name) {
  constexpr std::string_view kEndings[] = {".pth", ".pt", ".ckpt", ".bin", ".safetensors"};
  return std::ranges::any_of(kEndings, [&](std::string_view ending) { return name.ends_with(ending); });
}

std::string backbone_name(const std::string& model) {
  return std::string(model::parse_model_name(model).backbone->name);
}

}  // namespace

fs::path cache_folder() {
  if (const char* folder = std::getenv(kCacheVariable); folder != nullptr && *folder != '\0') {
    return folder;
  }
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') {
    throw ConfigError("neither {} nor HOME is set, so there is no place for published weights; set {}=FOLDER", kCacheVariable,
                      kCacheVariable);
  }
  return fs::path(home) / ".cache" / "muster";
}

std::optional<fs::path> find_cached(const PublishedWeights& weights) {
  const fs::path cache = cache_folder();
  if (fs::is_regular_file(cache / weights.file)) {
    return cache / weights.file;
  }
  if (!weights.repository.empty()) {
    for (const fs::path& folder : {cache / folder_name(weights.repository), cache / with_owner(weights.repository)}) {
      if (holds_weights(folder)) {
        return folder;
      }
    }
  }
  return std::nullopt;
}

FetchPlace place_of(const std::string& url) {
  const std::string address = url.substr(0, url.find_first_of("?#"));
  const auto scheme = address.find("://");
  const auto host_end = scheme == std::string::npos ? std::string::npos : address.find('/', scheme + 3);
  if (host_end == std::string::npos || (!address.starts_with("https://") && !address.starts_with("http://"))) {
    throw ConfigError("{} is no address of a file: https://HOST/PATH/FILE is wanted", address);
  }
  const std::string path = address.substr(host_end + 1);
  const auto slash = path.rfind('/');
  const std::string file = slash == std::string::npos ? path : path.substr(slash + 1);
  const auto resolve = path.find("/resolve/");  // OWNER/NAME/resolve/REVISION/FILE, as Hugging Face serves single files
  const bool repository = resolve == std::string::npos && std::ranges::count(path, '/') == 1 && !is_weight_file(file);
  const std::string folder = repository ? path : resolve == std::string::npos ? "" : path.substr(0, resolve);
  if (!is_safe_name(file) || (!folder.empty() && !is_safe_name(with_owner(folder)))) {
    throw ConfigError("{}: '{}' is no usable name for a file in the cache; letters, digits and . - _ + are", address, file);
  }
  return {.name = repository ? with_owner(folder) : folder.empty() ? file : with_owner(folder) + "/" + file, .repository = repository};
}

std::string how_to_get(const PublishedWeights& weights, const std::string& fetch_name) {
  const fs::path cache = cache_folder();
  std::string text = fmt::format("{}{} is not in the cache, {}", weights.file,
                                 weights.repository.empty() ? ""
                                                            : fmt::format(" (or the folder {} of https://huggingface.co/{})",
                                                                          folder_name(weights.repository), weights.repository),
                                 cache.string());
  if (weights.gated()) {
    text += fmt::format(
        "; it is gated: accept its licence at {}{}, then, on a machine with a network, `muster models fetch 'THE ADDRESS THAT YOU ARE "
        "SENT'`",
        weights.access, weights.repository.empty() ? "" : fmt::format(" or https://huggingface.co/{}", weights.repository));
  } else {
    text += fmt::format("; on a machine with a network, fetch it from {} with `muster models fetch {}`", weights.url, fetch_name);
  }
  return text + fmt::format(", or copy it to {} by hand", (cache / weights.file).string());
}

fs::path find_backbone_weights(const std::string& model, const model::EomtOptions& options) {
  if (!options.backbone_weights.empty()) {
    if (!fs::exists(options.backbone_weights)) {
      throw ConfigError("model_args.backbone_weights={}: there is no such file or folder; name the backbone's weight file",
                        options.backbone_weights);
    }
    return options.backbone_weights;
  }
  if (!options.backbone_url.empty()) {
    const FetchPlace place = place_of(options.backbone_url);
    const fs::path staged = cache_folder() / place.name;
    if (place.repository ? !holds_weights(staged) : !fs::is_regular_file(staged)) {
      throw ConfigError(
          "model_args.backbone_url={}: {} is not there yet, and a run fetches nothing itself; on a machine with a network: "
          "muster models fetch '{}', or copy it there by hand",
          options.backbone_url, staged.string(), options.backbone_url);
    }
    return staged;
  }
  const PublishedWeights weights = published_backbone(*model::parse_model_name(model).backbone);
  if (const auto cached = find_cached(weights)) {
    return *cached;
  }
  const std::string name = backbone_name(model);
  throw ConfigError(
      "model={} starts from published weights: {}; another file: model_args.backbone_weights=FILE; random weights: {}-notpretrained{}",
      model, how_to_get(weights, name), name, model::parse_model_name(model).eomt ? "-eomt" : "");
}

}  // namespace muster::weights
