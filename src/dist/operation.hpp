// One collective operation as it is logged, stamped on every message, and shown by the watchdog.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/scalar_type.hpp"

namespace muster::dist {

enum class OperationKind : std::uint32_t { kAllReduce, kReduceScatter, kAllGather, kBroadcast, kBarrier };

std::string_view operation_name(OperationKind kind) noexcept;  // "all_reduce", ...

struct Operation {
  std::uint64_t sequence = 0;  // of its communicator, from 1
  std::uint64_t count = 0;     // elements of `dtype` in what a rank hands in
  OperationKind kind = OperationKind::kBarrier;
  std::uint32_t dtype = static_cast<std::uint32_t>(ScalarType::kU8);
  std::int32_t root = 0;
  std::array<char, 24> unit{};  // what it belongs to, ended by a zero; no part of the order

  ScalarType type() const noexcept { return static_cast<ScalarType>(dtype); }
  bool same_order(const Operation& other) const noexcept {
    return sequence == other.sequence && count == other.count && kind == other.kind && dtype == other.dtype && root == other.root;
  }
};

// "operation 17, all_reduce of 12 F32 (blocks.3)"
std::string describe(const Operation& operation);

// Numbers a communicator's operations and hashes their order. One thread adds; any thread reads the hash.
class OperationLog {
 public:
  Operation add(OperationKind kind, ScalarType dtype, std::uint64_t count, int root);
  void label(std::string_view unit) noexcept;
  std::uint64_t hash() const noexcept { return hash_.load(std::memory_order_relaxed); }

 private:
  std::uint64_t sequence_ = 0;
  std::array<char, 24> unit_{};
  std::atomic<std::uint64_t> hash_{0};
};

// Hears of operations on the thread that carries them out. An operation that failed has begun and never ends.
class OperationObserver {
 public:
  virtual ~OperationObserver() = default;
  virtual void began(const Operation& operation) noexcept = 0;
  virtual void ended(const Operation& operation) noexcept = 0;
};

}  // namespace muster::dist
