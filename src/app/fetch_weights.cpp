#include "app/fetch_weights.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "io/http_client.hpp"
#include "io/sha256.hpp"
#include "io/value.hpp"
#include "model/model_table.hpp"
#include "weights/weight_cache.hpp"

namespace muster::app {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kBetweenLines{5};

// A job's nodes have no network as a rule, and each of its ranks would fetch the same file.
void refuse_inside_of_a_job() {
  for (const char* variable : {"SLURM_JOB_ID", "OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PBS_JOBID", "LSB_JOBID"}) {
    if (const char* value = std::getenv(variable); value != nullptr) {
      throw ConfigError(
          "muster models fetch runs on a login node, before the job: here {}={} says that this is a job, whose nodes often have no network "
          "and whose "
          "ranks would all fetch the same file. Leave the job (in an interactive shell: unset {}), fetch, and start it again; it reads {}",
          variable, value, variable, weights::cache_folder().string());
    }
  }
}

bool is_address(const std::string& name) {
  return name.find("://") != std::string::npos;
}

std::string check_digits(std::string sha256) {
  std::ranges::transform(sha256, sha256.begin(),
                         [](unsigned char c) { return static_cast<char>(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c); });
  const bool hex = std::ranges::all_of(sha256, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (!hex || sha256.size() > 64) {
    throw ConfigError("sha256={}: up to 64 hex digits are wanted, as sha256sum prints them", sha256);
  }
  return sha256;
}

io::Download download_of(const std::string& url, const fs::path& destination, const FetchRequest& request, std::string sha256) {
  auto next = std::chrono::steady_clock::now() + kBetweenLines;
  return {.url = url,
          .destination = destination,
          .bytes = request.bytes,
          .sha256 = std::move(sha256),
          .when_refused =
              fmt::format("get access (its page says how), then `muster models fetch 'THE ADDRESS THAT YOU ARE SENT'`, or put the file in "
                          "place by hand as {}",
                          destination.string()),
          .progress = [next](std::uint64_t done, std::optional<std::uint64_t> total) mutable {
            if (const auto now = std::chrono::steady_clock::now(); now >= next) {
              next = now + kBetweenLines;
              spdlog::info("{:.0f}{} MB", static_cast<double>(done) / 1e6,
                           total ? fmt::format(" of {:.0f}", static_cast<double>(*total) / 1e6) : "");
            }
          }};
}

void check_present(const io::Download& download) {
  const std::uint64_t bytes = fs::file_size(download.destination);
  if (download.bytes && bytes != *download.bytes) {
    throw DataError("{} is there already with {} bytes, {} were wanted; remove it and fetch again", download.destination.string(), bytes,
                    *download.bytes);
  }
  if (download.sha256.empty()) {
    return;
  }
  const std::string sha256 = io::sha256_of_file(download.destination);
  if (!sha256.starts_with(download.sha256)) {
    throw DataError("{} is there already, but its SHA-256 is {}, wanted {}; remove it and fetch again", download.destination.string(),
                    sha256, download.sha256);
  }
}

fs::path fetch_file(const io::Download& download) {
  if (fs::is_regular_file(download.destination)) {
    check_present(download);
    spdlog::info("{} is there already{}", download.destination.string(), download.sha256.empty() ? "" : ", with the wanted SHA-256");
    return download.destination;
  }
  fs::create_directories(download.destination.parent_path());
  spdlog::info("fetching {}", io::shown_url(download.url));
  const io::Downloaded done = io::download(download);
  spdlog::info("{}: {:.1f} MB{}, SHA-256 {}{}", download.destination.string(), static_cast<double>(done.bytes) / 1e6,
               done.kept == 0 ? "" : fmt::format(" ({:.1f} MB of them from an earlier attempt)", static_cast<double>(done.kept) / 1e6),
               done.sha256, download.sha256.empty() ? " (nothing to compare it with)" : ", as wanted");
  return download.destination;
}

// A repository of Hugging Face's kind: config.json, and the weights in one file or in several with an index.
std::vector<fs::path> fetch_repository(const std::string& url, const fs::path& folder, const FetchRequest& request) {
  const std::string files = io::shown_url(url) + "/resolve/main/";
  const auto fetch = [&](const std::string& name, const std::string& sha256) {
    return fetch_file(download_of(files + name, folder / name, name == "model.safetensors" ? request : FetchRequest{}, sha256));
  };
  std::vector<fs::path> fetched{fetch("config.json", "")};
  try {
    fetched.push_back(fetch("model.safetensors", request.sha256));
    return fetched;
  } catch (const io::NotFoundError&) {
    spdlog::info("no model.safetensors there; looking for several files with an index");
  }
  const fs::path index = fetch("model.safetensors.index.json", "");
  const io::Value described = io::read_value_file(index);
  std::set<std::string> shards;
  for (const io::Value::Member& member : described.at("weight_map").as_map()) {
    shards.insert(member.value.as_string());
  }
  for (const std::string& shard : shards) {
    if (shard.find('/') != std::string::npos) {
      throw DataError("{}: the shard '{}' lies in another folder, which no published model has", index.string(), shard);
    }
    fetched.push_back(fetch(shard, ""));
  }
  fetched.push_back(index);
  return fetched;
}

weights::PublishedWeights published_under(const std::string& name) {
  if (const weights::PublishedModel* model = weights::find_published_model(name)) {
    return weights::published_weights(*model);
  }
  const model::ModelName parsed = model::parse_model_name(name);
  if (!parsed.pretrained) {
    throw ConfigError("{} starts from random weights: there is nothing to fetch", name);
  }
  return weights::published_backbone(*parsed.backbone);
}

}  // namespace

std::vector<fs::path> fetch_weights(const FetchRequest& request) {
  refuse_inside_of_a_job();
  const fs::path cache = weights::cache_folder();
  const std::string sha256 = check_digits(request.sha256);
  if (is_address(request.name)) {
    const weights::FetchPlace place = weights::place_of(request.name);
    if (place.repository) {
      return fetch_repository(request.name, cache / place.name, {.name = request.name, .sha256 = sha256, .bytes = request.bytes});
    }
    return {
        fetch_file(download_of(request.name, cache / place.name, request, sha256.empty() ? weights::promised_sha256(place.name) : sha256))};
  }
  const weights::PublishedWeights published = published_under(request.name);
  if (const auto cached = weights::find_cached(published); cached && fs::is_directory(*cached)) {
    spdlog::info("{} is there already", cached->string());
    return {*cached};
  }
  io::Download download = download_of(published.url, cache / published.file, request, sha256.empty() ? published.sha256 : sha256);
  if (published.gated()) {
    download.when_refused = weights::how_to_get(published, request.name);
  }
  return {fetch_file(download)};
}

}  // namespace muster::app
