// The images of one worker, read ahead: claims a chunk when the one before is used up, then opens, decodes and turns upright.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "image/image.hpp"
#include "label/claims.hpp"
#include "label/label_folder.hpp"
#include "label/plan.hpp"

namespace muster::label {

std::string chunk_item(std::size_t chunk);  // "000012", its name among the claims

// Which chunks there are for this worker: starts at its own place in the list, and comes round once.
class ChunkSearch {
 public:
  ChunkSearch(const LabelPlan& plan, Claims& claims, const std::string& worker);

  // The next chunk that could be claimed, or nothing when a whole round brought none: all are done or held by others.
  std::optional<std::size_t> claim_next();
  bool all_done();
  // Chunks were reopened: looks at all of them again.
  void forget() { done_.assign(done_.size(), false); }

 private:
  const LabelPlan& plan_;
  Claims& claims_;
  std::size_t next_;
  std::vector<bool> done_;
};

struct OpenedImage {
  std::size_t index = 0;  // in the plan's list
  std::size_t chunk = 0;
  bool has_mask = false;  // somebody labelled it, and was stopped before the chunk was done
  std::string error;      // why it cannot be read
  image::Image image;     // upright; empty in the two cases above
};

// Images of all chunks that `search` finds, in order. Ends when it finds none, or on a request to stop; make a new one then.
class WorkStream {
 public:
  WorkStream(const LabelPlan& plan, const LabelFolder& folder, ChunkSearch& search, int threads, std::size_t lookahead);
  ~WorkStream();

  // One thread. What was read ahead when a stop is requested is dropped.
  std::optional<OpenedImage> next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace muster::label
