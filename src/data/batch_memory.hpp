// Memory of batches, used again and again.
//
// A batch is tens of megabytes: more than malloc keeps for itself, so each would be mapped anew and its pages zeroed one by one while it is
// filled, which costs a tenth of what the loader does for a photo. Here a block comes back when the last tensor on it is gone.
#pragma once

#include <memory>

#include <ATen/core/Tensor.h>

namespace muster::data {

class BatchMemory {
 public:
  BatchMemory();

  // Contiguous, of undefined content. Any thread; the tensor may outlive this object.
  at::Tensor tensor(at::IntArrayRef sizes, at::ScalarType type);
  // Blocks that wait to be used again.
  std::size_t idle_blocks() const;

 private:
  class Shelf;
  std::shared_ptr<Shelf> shelf_;
};

}  // namespace muster::data
