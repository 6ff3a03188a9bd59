#include "dist/operation.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/hash.hpp"

namespace muster::dist {

std::string_view operation_name(OperationKind kind) noexcept {
  constexpr std::array<std::string_view, 5> kNames{"all_reduce", "reduce_scatter", "all_gather", "broadcast", "barrier"};
  const auto index = static_cast<std::size_t>(kind);
  return index < kNames.size() ? kNames[index] : "unknown operation";
}

std::string describe(const Operation& operation) {
  std::string text = fmt::format("operation {}, {}", operation.sequence, operation_name(operation.kind));
  if (operation.kind != OperationKind::kBarrier) {
    text += fmt::format(" of {} {}", operation.count, scalar_name(operation.type()));
  }
  if (operation.kind == OperationKind::kBroadcast) {
    text += fmt::format(" from rank {}", operation.root);
  }
  if (operation.unit[0] != '\0') {
    text += fmt::format(" ({})", operation.unit.data());
  }
  return text;
}

Operation OperationLog::add(OperationKind kind, ScalarType dtype, std::uint64_t count, int root) {
  const Operation operation{
      .sequence = ++sequence_, .count = count, .kind = kind, .dtype = static_cast<std::uint32_t>(dtype), .root = root, .unit = unit_};
  const std::array<std::uint64_t, 6> words{
      hash(), operation.sequence, static_cast<std::uint64_t>(kind), operation.dtype, count, static_cast<std::uint64_t>(root)};
  hash_.store(xxh3_64({reinterpret_cast<const char*>(words.data()), sizeof words}), std::memory_order_relaxed);
  return operation;
}

void OperationLog::label(std::string_view unit) noexcept {
  unit_.fill('\0');
  std::copy_n(unit.data(), std::min(unit.size(), unit_.size() - 1), unit_.data());
}

}  // namespace muster::dist
