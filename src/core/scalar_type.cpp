#include "core/scalar_type.hpp"

#include <array>

#include "core/error.hpp"
#include "core/state.hpp"

namespace muster {
namespace {

struct Row {
  ScalarType type;
  std::string_view name;
  std::size_t bytes;
};
constexpr std::array kRows{Row{ScalarType::kF32, "F32", 4}, Row{ScalarType::kF64, "F64", 8}, Row{ScalarType::kBF16, "BF16", 2},
                           Row{ScalarType::kF16, "F16", 2}, Row{ScalarType::kI64, "I64", 8}, Row{ScalarType::kI32, "I32", 4},
                           Row{ScalarType::kU16, "U16", 2}, Row{ScalarType::kU8, "U8", 1},   Row{ScalarType::kBool, "BOOL", 1}};

}  // namespace

std::size_t scalar_bytes(ScalarType type) noexcept { return kRows[static_cast<std::size_t>(type)].bytes; }
std::string_view scalar_name(ScalarType type) noexcept { return kRows[static_cast<std::size_t>(type)].name; }

ScalarType scalar_from_name(std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name) {
      return row.type;
    }
  }
  throw DataError("element type '{}' is not one that Muster reads (F32, F64, BF16, F16, I64, I32, U16, U8, BOOL)", name);
}

const char* state_kind_name(StateKind kind) {
  constexpr const char* kNames[] = {"weight", "moment1", "moment2", "ema", "buffer"};
  return kNames[static_cast<int>(kind)];
}

}  // namespace muster
