#include "label/work_stream.hpp"

#include <span>
#include <utility>

#include <fmt/format.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "core/hash.hpp"
#include "core/stop_flags.hpp"
#include "data/ordered_jobs.hpp"
#include "image/decode.hpp"
#include "image/orientation.hpp"

namespace muster::label {
namespace {

void open_image(OpenedImage& opened, const ListedImage& source, const LabelFolder& folder) {
  if (std::filesystem::exists(folder.out / source.mask)) {
    opened.has_mask = true;
    return;
  }
  try {
    const std::string text = read_file(source.path);
    const auto bytes = std::as_bytes(std::span(text));
    const std::string where = source.path.string();
    opened.image = image::apply_orientation(image::decode_rgb(bytes, where), image::probe(bytes, where).exif_orientation);
  } catch (const DataError& error) {
    opened.error = error.what();
  }
}

}  // namespace

std::string chunk_item(std::size_t chunk) {
  return fmt::format("{:06}", chunk);
}

ChunkSearch::ChunkSearch(const LabelPlan& plan, Claims& claims, const std::string& worker)
    : plan_(plan), claims_(claims), next_(xxh3_64(worker) % plan.num_chunks()), done_(plan.num_chunks()) {}

std::optional<std::size_t> ChunkSearch::claim_next() {
  for (std::size_t tries = 0; tries < plan_.num_chunks(); ++tries) {
    const std::size_t chunk = next_;
    next_ = (next_ + 1) % plan_.num_chunks();
    if (done_[chunk]) {
      continue;
    }
    switch (claims_.take(chunk_item(chunk))) {
      case Claims::Answer::kTaken:
        return chunk;
      case Claims::Answer::kDone:
        done_[chunk] = true;
        break;
      case Claims::Answer::kHeld:
        break;
    }
  }
  return std::nullopt;
}

bool ChunkSearch::all_done() {
  for (std::size_t chunk = 0; chunk < done_.size(); ++chunk) {
    if (!done_[chunk] && !claims_.is_done(chunk_item(chunk))) {
      return false;
    }
    done_[chunk] = true;
  }
  return true;
}

struct WorkStream::State {
  using Jobs = data::OrderedJobs<OpenedImage>;

  State(const LabelPlan& of, const LabelFolder& in, ChunkSearch& from, int threads, std::size_t lookahead)
      : plan(of),
        folder(in),
        search(from),
        jobs(
            data::worker_threads(threads), lookahead, [this] { return open(); },
            [this](OpenedImage& image, std::size_t) { open_image(image, plan.list.images[image.index], folder); }) {}

  std::optional<Jobs::Opened> open() {
    if (requested_stop() != 0) {
      return std::nullopt;
    }
    if (next == end) {
      const std::optional<std::size_t> claimed = search.claim_next();
      if (!claimed) {
        return std::nullopt;
      }
      chunk = *claimed;
      next = plan.chunk_begin[chunk];
      end = plan.chunk_begin[chunk + 1];
    }
    return Jobs::Opened{.group = {.index = next++, .chunk = chunk, .error = {}, .image = {}}};
  }

  const LabelPlan& plan;
  const LabelFolder& folder;
  ChunkSearch& search;
  std::size_t chunk = 0, next = 0, end = 0;  // what is left of the chunk in work
  Jobs jobs;                                 // last: its threads use the rest
};

WorkStream::WorkStream(const LabelPlan& plan, const LabelFolder& folder, ChunkSearch& search, int threads, std::size_t lookahead)
    : state_(std::make_unique<State>(plan, folder, search, threads, lookahead)) {}

WorkStream::~WorkStream() = default;

std::optional<OpenedImage> WorkStream::next() {
  std::optional<OpenedImage> image = state_->jobs.pop();
  return requested_stop() != 0 ? std::nullopt : std::move(image);
}

}  // namespace muster::label
