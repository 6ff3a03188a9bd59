#include "data/batch_memory.hpp"

#include <optional>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace muster::data {
namespace {

TEST(BatchMemory, UsesABlockAgainWhenItsLastTensorIsGone) {
  BatchMemory memory;
  at::Tensor first = memory.tensor({4, 3, 50, 50}, at::kFloat);
  EXPECT_EQ(first.sizes(), (at::IntArrayRef{4, 3, 50, 50}));
  EXPECT_TRUE(first.is_contiguous());
  void* const place = first.data_ptr();
  at::Tensor view = first[1];
  first = at::Tensor();
  EXPECT_EQ(memory.idle_blocks(), 0U);  // the view is left
  const at::Tensor second = memory.tensor({4, 3, 50, 50}, at::kFloat);
  EXPECT_NE(second.data_ptr(), place);
  view = at::Tensor();
  EXPECT_EQ(memory.idle_blocks(), 1U);
  const at::Tensor third = memory.tensor({3, 3, 50, 50}, at::kFloat);  // a smaller one fits in
  EXPECT_EQ(third.data_ptr(), place);
}

TEST(BatchMemory, KeepsFewBlocksAndNoneThatIsFarTooLarge) {
  BatchMemory memory;
  std::vector<at::Tensor> many;
  for (int i = 0; i < 12; ++i) {
    many.push_back(memory.tensor({1'000'000}, at::kInt));
  }
  many.clear();
  EXPECT_EQ(memory.idle_blocks(), 8U);
  (void)memory.tensor({40'000'000}, at::kInt);
  EXPECT_EQ(memory.idle_blocks(), 8U);  // one comes, the oldest goes
  const at::Tensor small = memory.tensor({1000}, at::kInt);
  EXPECT_EQ(memory.idle_blocks(), 7U);
}

TEST(BatchMemory, LeavesItsTensorsAlive) {
  auto memory = std::make_optional<BatchMemory>();
  const at::Tensor tensor = memory->tensor({100}, at::kInt);
  memory.reset();
  tensor.fill_(7);
  EXPECT_EQ(tensor.sum().item<std::int64_t>(), 700);
  EXPECT_EQ(BatchMemory().tensor({0, 3}, at::kFloat).numel(), 0);
}

}  // namespace
}  // namespace muster::data
