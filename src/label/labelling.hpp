// One worker's share of a labelling, from its first claim to the merged journal.
#pragma once

#include <cstddef>

#include "label/class_notes.hpp"
#include "label/label_folder.hpp"
#include "label/mask_writer.hpp"
#include "label/plan.hpp"
#include "label/predictor.hpp"
#include "label/worker_identity.hpp"

namespace muster::label {

struct WorkerSettings {
  WorkerIdentity worker;
  double lease_s = 60;
  int threads = 0;            // that read images; 0 = one per processor
  std::size_t lookahead = 2;  // images read ahead
  int overlays = 0;
};

struct LabelSummary {
  bool was_finished = false;  // nothing was left to do
  bool stopped = false;       // a signal came first; what was begun is free for other workers
  std::size_t labelled = 0;   // of all images, by all workers; not known when stopped
  std::size_t failed = 0;
  MaskWriter::Counts own;
  double seconds = 0;
};

// Labels what no other worker does, waits while others are at the rest, and takes over from those that fall silent; the first
// to see all chunks done merges. So every worker comes back when all is finished, or when it was asked to stop. Images that failed
// in an earlier labelling are tried again. DataError, OutputError; what `predictor` throws.
LabelSummary run_labelling(const LabelPlan& plan, const LabelFolder& folder, const LabelledClasses& classes, Predictor& predictor,
                           const WorkerSettings& settings);

}  // namespace muster::label
