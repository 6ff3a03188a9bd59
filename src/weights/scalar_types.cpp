#include "weights/scalar_types.hpp"

#include <array>
#include <utility>

#include "core/error.hpp"

namespace muster::weights {
namespace {

constexpr std::array kTypes{std::pair{ScalarType::kF32, at::kFloat}, std::pair{ScalarType::kF64, at::kDouble},
                            std::pair{ScalarType::kBF16, at::kBFloat16}, std::pair{ScalarType::kF16, at::kHalf}};

}  // namespace

at::ScalarType torch_type(ScalarType type) {
  for (const auto& [stored, torch] : kTypes) {
    if (stored == type) {
      return torch;
    }
  }
  throw ConfigError("weights of type {}: they are F32, F64, BF16 or F16", scalar_name(type));
}

ScalarType stored_type(at::ScalarType type) {
  for (const auto& [stored, torch] : kTypes) {
    if (torch == type) {
      return stored;
    }
  }
  throw InvariantError("weights of LibTorch's type {}", c10::toString(type));
}

}  // namespace muster::weights
