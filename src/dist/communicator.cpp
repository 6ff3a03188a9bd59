#include "dist/communicator.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "dist/completion.hpp"

namespace muster::dist {

bool Handle::done() const noexcept {
  return completion_ == nullptr || completion_->state.load(std::memory_order_acquire) != Completion::kPending;
}

void Handle::wait() {
  if (completion_ == nullptr) {
    return;
  }
  completion_->state.wait(Completion::kPending, std::memory_order_acquire);
  if (completion_->state.load(std::memory_order_acquire) == Completion::kFailed) {
    throw CommError("{}", completion_->error);
  }
}

std::string broadcast_text(Communicator& communicator, std::string text, int root) {
  std::uint64_t size = text.size();
  communicator.broadcast(std::as_writable_bytes(std::span(&size, 1)), root).wait();
  text.resize(size);
  communicator.broadcast(std::as_writable_bytes(std::span(text)), root).wait();
  return text;
}

std::vector<std::string> gather_texts(Communicator& communicator, std::string_view mine) {
  const auto world = static_cast<std::size_t>(communicator.world());
  const std::uint64_t size = mine.size();
  std::vector<std::uint64_t> sizes(world);
  communicator.all_gather(std::as_bytes(std::span(&size, 1)), std::as_writable_bytes(std::span(sizes))).wait();
  const std::size_t longest = *std::ranges::max_element(sizes);
  std::string padded(mine);
  padded.resize(longest);
  std::string all(world * longest, '\0');
  communicator.all_gather(std::as_bytes(std::span(padded)), std::as_writable_bytes(std::span(all))).wait();
  std::vector<std::string> texts(world);
  for (std::size_t rank = 0; rank < world; ++rank) {
    texts[rank] = all.substr(rank * longest, sizes[rank]);
  }
  return texts;
}

void CommunicatorReducer::sum(std::span<double> values) {
  communicator_.all_reduce(std::as_writable_bytes(values), ScalarType::kF64).wait();
}

// NaN on any rank is NaN on all.
void CommunicatorReducer::max(std::span<double> values) {
  std::vector<double> all(values.size() * static_cast<std::size_t>(world()));
  communicator_.all_gather(std::as_bytes(values), std::as_writable_bytes(std::span(all))).wait();
  for (std::size_t i = 0; i < all.size(); ++i) {
    double& largest = values[i % values.size()];
    if (std::isnan(all[i]) || all[i] > largest) {
      largest = all[i];
    }
  }
}

}  // namespace muster::dist
