#include "model/mask_product.hpp"

#include <gtest/gtest.h>

#include "tiny_model.hpp"

namespace muster::model {
namespace {

TEST(MaskProduct, SkipsRowsWithoutGradientAndGivesTheSame) {
  const at::Tensor embeddings = random_tensor("embeddings", {3, 5, 4}).requires_grad_(true);
  const at::Tensor pixels = random_tensor("pixels", {3, 7, 4}).requires_grad_(true);
  const at::Tensor logits = mask_product(embeddings, pixels);
  EXPECT_LT(max_difference(logits, at::bmm(embeddings, pixels.transpose(1, 2))), 1e-14);
  at::Tensor gradient = random_tensor("gradient", {3, 5, 7});
  gradient[0].slice(0, 1, 4).zero_();  // image 0: two queries matched, image 1: none, image 2: all
  gradient[1].zero_();
  logits.backward(gradient);
  EXPECT_LT(max_difference(embeddings.grad(), at::bmm(gradient, pixels.detach())), 1e-14);
  EXPECT_LT(max_difference(pixels.grad(), at::bmm(gradient.transpose(1, 2), embeddings.detach())), 1e-14);
}

}  // namespace
}  // namespace muster::model
