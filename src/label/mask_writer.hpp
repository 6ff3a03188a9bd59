// Encodes and commits masks in a thread of its own, so that the model need not wait for the disk.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "image/image.hpp"
#include "label/claims.hpp"
#include "label/class_notes.hpp"
#include "label/journal.hpp"
#include "label/label_folder.hpp"
#include "label/plan.hpp"

namespace muster::label {

// What became of one image. All three empty: its mask was there already.
struct FinishedImage {
  std::size_t index = 0;  // in the plan's list
  std::size_t chunk = 0;
  std::optional<image::LabelMap> labels;  // train indices
  std::optional<image::Image> picture;    // an overlay of the labels on it is wanted
  std::string error;                      // why there will be no mask
};

class MaskWriter {
 public:
  struct Counts {
    std::size_t labelled = 0;  // masks that this worker committed
    std::size_t found = 0;     // that were there, or came into being meanwhile
    std::size_t failed = 0;
  };

  // All must outlive the writer.
  MaskWriter(const LabelPlan& plan, const LabelFolder& folder, const LabelledClasses& classes, Claims& claims, const std::string& worker);
  // Drops what is queued; the mask in work is finished first.
  ~MaskWriter();
  MaskWriter(const MaskWriter&) = delete;
  MaskWriter& operator=(const MaskWriter&) = delete;

  // Waits for room. What went wrong in the thread is thrown here and by wait(). When the last image of a chunk is committed, so
  // is the chunk.
  void put(FinishedImage image);
  // Until everything is on the disk.
  void wait();
  Counts counts() const;

 private:
  void run(const std::stop_token& stop);
  void write(const FinishedImage& image);
  void commit_mask(const FinishedImage& image);
  void journal_existing(const ListedImage& source);
  void count_for_chunk(std::size_t chunk);

  const LabelPlan& plan_;
  const LabelFolder& folder_;
  const LabelledClasses& classes_;
  Claims& claims_;
  const std::filesystem::path temporary_;
  Journal journal_;
  std::map<std::size_t, std::size_t> finished_;  // images by chunk; of the thread
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<FinishedImage> queue_;  // the first is in work
  std::exception_ptr error_;
  Counts counts_;
  std::jthread thread_;  // last
};

}  // namespace muster::label
