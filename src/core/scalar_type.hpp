// Element types as files name them. LibTorch's own enum stays in the modules that use LibTorch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace muster {

enum class ScalarType : std::uint8_t { kF32, kF64, kBF16, kF16, kI64, kI32, kU16, kU8, kBool };

std::size_t scalar_bytes(ScalarType type) noexcept;
// As safetensors spells them: "F32", "BF16", "I64", ...
std::string_view scalar_name(ScalarType type) noexcept;
// Throws DataError for a name that is none of ours.
ScalarType scalar_from_name(std::string_view name);

}  // namespace muster
