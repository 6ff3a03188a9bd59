#include "ckpt/checkpoint.hpp"

#include <algorithm>
#include <memory>
#include <sstream>
#include <utility>

#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include "ckpt/commit.hpp"
#include "ckpt/folders.hpp"
#include "ckpt/state_file.hpp"
#include "core/error.hpp"

namespace muster::ckpt {

namespace fs = std::filesystem;

namespace {

// Opened when first read: a rank seldom needs all of them.
class StateFiles {
 public:
  StateFiles(const fs::path& folder, const Manifest& manifest) : folder_(folder), manifest_(manifest), files_(manifest.files.size()) {}

  const StateFile& of_shard(std::size_t shard) {
    if (shard >= files_.size()) {
      throw CheckpointError("{}: slice {} was wanted of {} files", folder_.string(), shard, files_.size());
    }
    if (!files_[shard]) {
      files_[shard] =
          std::make_unique<StateFile>(folder_ / manifest_.files[shard].name, static_cast<int>(shard), static_cast<int>(files_.size()),
                                      CheckpointKey{.run_id = manifest_.run_id, .step = manifest_.step});
    }
    return *files_[shard];
  }

 private:
  const fs::path& folder_;
  const Manifest& manifest_;
  std::vector<std::unique_ptr<StateFile>> files_;
};

// Copies the part of `piece` that each slice of the stored segment holds.
void load_piece(const StoredSegment& segment, const StateEntry& entry, const StatePiece& piece, StateFiles& files) {
  const auto element = static_cast<std::int64_t>(scalar_bytes(entry.dtype));
  for (std::int64_t at = piece.begin; at < piece.end;) {
    const std::int64_t shard = at / segment.chunk;
    const std::int64_t slice_begin = shard * segment.chunk;
    const std::int64_t end = std::min({piece.end, slice_begin + segment.chunk, segment.numel});
    files.of_shard(static_cast<std::size_t>(shard))
        .read(entry.file_name(), entry.dtype, at - slice_begin, end - at, piece.data + (at - piece.begin) * element);
    at = end;
  }
}

bool same_tensors(const std::vector<Piece>& a, const std::vector<Piece>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Piece& x, const Piece& y) {
    return x.tensor == y.tensor && x.shape == y.shape && x.begin == y.begin && x.end == y.end;
  });
}

std::int64_t numel_of(const StateEntry& entry) {
  std::int64_t numel = 1;
  for (const std::int64_t extent : entry.shape) {
    numel *= extent;
  }
  return numel;
}

}  // namespace

Checkpoint Checkpoint::open(const fs::path& folder) { return open_share(folder, 0, 1); }

Checkpoint Checkpoint::open_share(const fs::path& folder, int rank, int world) {
  Manifest manifest = read_committed(folder);
  if (const auto named = step_of(folder.filename().string()); named && *named != manifest.step) {
    throw CheckpointError("{} holds the checkpoint of step {}; it was renamed or copied over another", folder.string(), manifest.step);
  }
  verify_files(folder, manifest, rank, world);
  return {folder, std::move(manifest)};
}

const std::string& Checkpoint::record(const std::string& name) const {
  const auto found = std::find_if(records().begin(), records().end(), [&](const StateRecord& record) { return record.name == name; });
  if (found == records().end()) {
    throw CheckpointError("{} has no record '{}'; it was not written by muster train", folder_.string(), name);
  }
  return found->json;
}

void Checkpoint::check_same_state(const StateView& view, Coverage coverage) const {
  std::size_t stored = 0;
  for (const StoredSegment& segment : manifest_.segments) {
    stored += segment.kinds.size();
  }
  for (const StateEntry& entry : view.entries) {
    const StoredSegment* segment = manifest_.find_segment(entry.name);
    if (segment == nullptr || std::find(segment->kinds.begin(), segment->kinds.end(),
                                        StoredKind{.kind = entry.kind, .dtype = entry.dtype}) == segment->kinds.end()) {
      throw CheckpointError("{} has no {} of {}; it belongs to another model or another way of training it", folder_.string(),
                            entry.file_name(), scalar_name(entry.dtype));
    }
    if (segment->numel != numel_of(entry)) {
      throw CheckpointError("{}: {} has {} elements and the model's has {}; it belongs to another model", folder_.string(),
                            entry.file_name(), segment->numel, numel_of(entry));
    }
  }
  for (const SegmentLayout& layout : view.layouts) {
    const StoredSegment* segment = manifest_.find_segment(layout.name());
    if (segment != nullptr && !same_tensors(segment->tensors, layout.pieces)) {
      throw CheckpointError("{}: the tensors of {} lie elsewhere than in this build's model; it was written by another version",
                            folder_.string(), layout.name());
    }
  }
  if (coverage == Coverage::kWhole && stored != view.entries.size()) {
    throw CheckpointError("{} holds {} tensors of state and this run has {}; it belongs to another model or another way of training it",
                          folder_.string(), stored, view.entries.size());
  }
}

void Checkpoint::load(const StateView& view, Coverage coverage) const {
  check_same_state(view, coverage);
  StateFiles files(folder_, manifest_);
  for (const StateEntry& entry : view.entries) {
    for (const StatePiece& piece : entry.pieces) {
      load_piece(*manifest_.find_segment(entry.name), entry, piece, files);
    }
  }
}

NewestCheckpoint find_newest(const fs::path& checkpoints) { return find_newest(checkpoints, *dist::make_solo_communicator()); }

NewestCheckpoint find_newest(const fs::path& checkpoints, dist::Communicator& ranks) {
  // One rank's listing, so that all try the same folders.
  const std::string listed = fmt::format("{}", fmt::join(ranks.rank() == 0 ? listed_steps(checkpoints) : std::vector<std::int64_t>(), " "));
  std::istringstream steps(dist::broadcast_text(ranks, listed, 0));
  NewestCheckpoint newest;
  for (std::int64_t step = 0; !newest.checkpoint && steps >> step;) {
    std::optional<Checkpoint> mine;
    std::string damage;
    try {
      mine = Checkpoint::open_share(checkpoints / step_folder_name(step), ranks.rank(), ranks.world());
    } catch (const CheckpointError& error) {
      damage = error.what();
    }
    const std::vector<std::string> damages = dist::gather_texts(ranks, damage);
    const auto found = std::ranges::find_if(damages, [](const std::string& text) { return !text.empty(); });
    if (found == damages.end()) {
      newest.checkpoint = std::move(mine);
    } else {
      newest.damaged.push_back(*found);
    }
  }
  return newest;
}

Checkpoint open_newest(const fs::path& checkpoints) {
  NewestCheckpoint newest = find_newest(checkpoints);
  for (const std::string& damage : newest.damaged) {
    spdlog::warn("{}{}", damage, newest.checkpoint ? "; the checkpoint before it is taken" : "");
  }
  if (!newest.checkpoint) {
    throw CheckpointError("no complete checkpoint in {}{}{}", checkpoints.string(), newest.damaged.empty() ? "" : ": ",
                          fmt::join(newest.damaged, "; "));
  }
  return std::move(*newest.checkpoint);
}

}  // namespace muster::ckpt
