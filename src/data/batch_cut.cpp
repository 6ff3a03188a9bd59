#include "data/batch_cut.hpp"

#include "core/error.hpp"

namespace muster::data {

PositionRange cut(PositionRange whole, std::uint64_t index, std::uint64_t parts) {
  check(index < parts && whole.begin <= whole.end, "cut: part {} of {}, range {} to {}", index, parts, whole.begin, whole.end);
  const std::uint64_t length = whole.size();
  return {.begin = whole.begin + length * index / parts, .end = whole.begin + length * (index + 1) / parts};
}

Tail tail_from_name(const std::string& name) {
  if (name != "stream" && name != "drop") {
    throw ConfigError("loader.tail={}: wanted stream or drop", name);
  }
  return name == "drop" ? Tail::kDrop : Tail::kStream;
}

PositionRange global_batch(std::uint64_t position, std::uint64_t batch_size, std::uint64_t n, Tail tail) {
  check(batch_size > 0 && n > 0, "global_batch: batch of {} from {} samples", batch_size, n);
  if (tail == Tail::kDrop) {
    if (batch_size > n) {
      throw ConfigError("batch_size={} with loader.tail=drop, but an epoch has {} images; use a smaller batch or loader.tail=stream",
                        batch_size, n);
    }
    const std::uint64_t offset = position % n;
    if (offset + batch_size > n) {
      position += n - offset;
    }
  }
  return {.begin = position, .end = position + batch_size};
}

void check_batch(std::int64_t batch_size, int world, int micro_batches) {
  check(world > 0 && micro_batches > 0, "check_batch: {} ranks, {} micro-batches", world, micro_batches);
  if (batch_size < std::int64_t{world} * micro_batches) {
    throw ConfigError("batch_size={} is less than {} ranks times {} micro-batches; use a batch of at least {}, or fewer of the others",
                      batch_size, world, micro_batches, std::int64_t{world} * micro_batches);
  }
}

}  // namespace muster::data
