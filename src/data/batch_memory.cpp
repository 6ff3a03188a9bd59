#include "data/batch_memory.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include <sys/mman.h>

#include <ATen/ATen.h>

namespace muster::data {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;  // bytes; blocks are whole ones, which the system may map at a stroke
constexpr std::size_t kMostIdle = 8;                     // blocks; more come back only when sizes change

struct Block {
  void* begin = nullptr;
  std::size_t bytes = 0;
};

Block allocate(std::size_t bytes) {
  Block block{.bytes = (bytes + kHugePage - 1) / kHugePage * kHugePage};
  block.begin = std::aligned_alloc(kHugePage, block.bytes);
  if (block.begin == nullptr) {
    throw std::bad_alloc();
  }
  madvise(block.begin, block.bytes, MADV_HUGEPAGE);  // a wish: where the system has no huge pages, nothing changes
  return block;
}

}  // namespace

class BatchMemory::Shelf {
 public:
  ~Shelf() {
    for (const Block& block : idle_) {
      std::free(block.begin);
    }
  }

  // The smallest idle block that is large enough, and not more than twice that.
  Block take(std::size_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      auto best = idle_.end();
      for (auto it = idle_.begin(); it != idle_.end(); ++it) {
        if (it->bytes >= bytes && it->bytes <= 2 * std::max(bytes, kHugePage) && (best == idle_.end() || it->bytes < best->bytes)) {
          best = it;
        }
      }
      if (best != idle_.end()) {
        const Block block = *best;
        idle_.erase(best);
        return block;
      }
    }
    return allocate(bytes);
  }

  void give_back(Block block) {
    {
      const std::lock_guard lock(mutex_);
      idle_.push_back(block);
      if (idle_.size() <= kMostIdle) {
        return;
      }
      block = idle_.front();
      idle_.erase(idle_.begin());
    }
    std::free(block.begin);
  }

  std::size_t idle() const {
    const std::lock_guard lock(mutex_);
    return idle_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Block> idle_;
};

BatchMemory::BatchMemory() : shelf_(std::make_shared<Shelf>()) {}

at::Tensor BatchMemory::tensor(at::IntArrayRef sizes, at::ScalarType type) {
  std::size_t bytes = c10::elementSize(type);
  for (const std::int64_t size : sizes) {
    bytes *= static_cast<std::size_t>(size);
  }
  if (bytes == 0) {
    return at::empty(sizes, type);
  }
  const Block block = shelf_->take(bytes);
  return at::from_blob(
      block.begin, sizes, [shelf = shelf_, block](void*) { shelf->give_back(block); }, at::TensorOptions(type));
}

std::size_t BatchMemory::idle_blocks() const {
  return shelf_->idle();
}

}  // namespace muster::data
