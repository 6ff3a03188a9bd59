#include "label/mask_writer.hpp"

#include <cerrno>
#include <string_view>
#include <utility>
#include <vector>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "core/hash.hpp"
#include "image/encode.hpp"
#include "label/exclusive_file.hpp"
#include "label/work_stream.hpp"

namespace muster::label {
namespace {

constexpr std::size_t kQueued = 4;  // images

std::string_view text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

MaskWriter::MaskWriter(const LabelPlan& plan, const LabelFolder& folder, const LabelledClasses& classes, Claims& claims,
                       const std::string& worker)
    : plan_(plan),
      folder_(folder),
      classes_(classes),
      claims_(claims),
      temporary_(folder.temporaries() / worker),
      journal_(folder.journals(), worker),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

MaskWriter::~MaskWriter() = default;

void MaskWriter::put(FinishedImage image) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return error_ || queue_.size() < kQueued; });
  if (error_) {
    std::rethrow_exception(error_);
  }
  queue_.push_back(std::move(image));
  changed_.notify_all();
}

void MaskWriter::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return error_ || queue_.empty(); });
  if (error_) {
    std::rethrow_exception(error_);
  }
}

MaskWriter::Counts MaskWriter::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void MaskWriter::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return !queue_.empty(); }) && !stop.stop_requested()) {
    const FinishedImage& image = queue_.front();  // others only add behind it
    lock.unlock();
    std::exception_ptr error;
    try {
      write(image);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    queue_.pop_front();
    error_ = error;
    changed_.notify_all();
    if (error) {
      return;
    }
  }
}

void MaskWriter::write(const FinishedImage& image) {
  const ListedImage& source = plan_.list.images[image.index];
  if (image.labels) {
    commit_mask(image);
  } else if (!image.error.empty()) {
    journal_.add({.image = source.key, .mask = {}, .hash = {}, .error = image.error, .worker = {}});
    const std::lock_guard lock(mutex_);
    ++counts_.failed;
  } else {
    journal_existing(source);
  }
  count_for_chunk(image.chunk);
}

void MaskWriter::commit_mask(const FinishedImage& image) {
  const ListedImage& source = plan_.list.images[image.index];
  if (image.picture) {  // first, so that a labelled image has its overlay
    const image::Image overlay = image::overlay(*image.picture, *image.labels, classes_.colors);
    replace_file(folder_.overlays() / source.mask, temporary_, text_of(image::encode_png(overlay)));
  }
  const std::vector<std::byte> mask = image::encode_png_labels(in_class_ids(*image.labels, classes_), classes_.bit_depth());
  if (!create_exclusively(folder_.out / source.mask, temporary_, text_of(mask))) {
    journal_existing(source);
    return;
  }
  journal_.add(
      {.image = source.key, .mask = source.mask, .hash = xxh3_128_hex(text_of(mask)), .bytes = mask.size(), .error = {}, .worker = {}});
  const std::lock_guard lock(mutex_);
  ++counts_.labelled;
}

// What stands under the name is what was labelled, whoever wrote it.
void MaskWriter::journal_existing(const ListedImage& source) {
  const std::string mask = read_file(folder_.out / source.mask);
  journal_.add({.image = source.key, .mask = source.mask, .hash = xxh3_128_hex(mask), .bytes = mask.size(), .error = {}, .worker = {}});
  const std::lock_guard lock(mutex_);
  ++counts_.found;
}

void MaskWriter::count_for_chunk(std::size_t chunk) {
  const std::size_t images = plan_.chunk_begin[chunk + 1] - plan_.chunk_begin[chunk];
  if (++finished_[chunk] == images) {
    finished_.erase(chunk);
    claims_.finish(chunk_item(chunk));
  }
}

}  // namespace muster::label
