#include "dist/board.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <utility>

#include <boost/interprocess/shared_memory_object.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "core/error.hpp"
#include "dist/process_state.hpp"

namespace muster::dist {
namespace {

namespace ipc = boost::interprocess;
constexpr const char* kPrefix = "muster-board";
constexpr auto kRelaxed = std::memory_order_relaxed;
static_assert(std::atomic<std::uint64_t>::is_always_lock_free && std::atomic<std::int32_t>::is_always_lock_free);

}  // namespace

std::int64_t wall_clock_ns() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

void BoardSlot::begin(const Operation& operation) noexcept {
  const std::uint64_t index = begun.load(kRelaxed);
  BoardOperation& entry = ring[index % kRingOperations];
  std::array<std::uint64_t, 3> unit{};
  static_assert(sizeof unit == sizeof operation.unit);
  std::memcpy(unit.data(), operation.unit.data(), sizeof unit);
  entry.sequence.store(operation.sequence, kRelaxed);
  entry.count.store(operation.count, kRelaxed);
  entry.kind_and_type.store(static_cast<std::uint64_t>(operation.kind) << 32U | operation.dtype, kRelaxed);
  for (std::size_t i = 0; i < unit.size(); ++i) {
    entry.unit[i].store(unit[i], kRelaxed);
  }
  entry.began_ns.store(wall_clock_ns(), kRelaxed);
  entry.ended_ns.store(0, kRelaxed);
  begun.store(index + 1, std::memory_order_release);
}

void BoardSlot::end() noexcept {
  ring[(begun.load(kRelaxed) - 1) % kRingOperations].ended_ns.store(wall_clock_ns(), kRelaxed);
}

std::vector<RecordedOperation> recorded_operations(const BoardSlot& slot) {
  const std::uint64_t begun = slot.begun.load(std::memory_order_acquire);
  std::vector<RecordedOperation> operations;
  for (std::uint64_t index = begun - std::min<std::uint64_t>(begun, kRingOperations); index < begun; ++index) {
    const BoardOperation& entry = slot.ring[index % kRingOperations];
    RecordedOperation& recorded = operations.emplace_back();
    const std::uint64_t kind_and_type = entry.kind_and_type.load(kRelaxed);
    recorded.operation.sequence = entry.sequence.load(kRelaxed);
    recorded.operation.count = entry.count.load(kRelaxed);
    recorded.operation.kind = static_cast<OperationKind>(kind_and_type >> 32U);
    recorded.operation.dtype = static_cast<std::uint32_t>(kind_and_type);
    std::array<std::uint64_t, 3> unit{};
    std::ranges::transform(entry.unit, unit.begin(), [](const auto& word) { return word.load(kRelaxed); });
    std::memcpy(recorded.operation.unit.data(), unit.data(), sizeof unit);
    recorded.operation.unit.back() = '\0';
    recorded.began_ns = entry.began_ns.load(kRelaxed);
    recorded.ended_ns = entry.ended_ns.load(kRelaxed);
  }
  return operations;
}

Board::Board(std::string name, std::string_view run_id, int ranks) : name_(std::move(name)), ranks_(ranks) {
  try {
    ipc::shared_memory_object memory(ipc::open_or_create, name_.c_str(), ipc::read_write);
    // The first makes it this long, filled with zeros; for the others nothing changes.
    memory.truncate(static_cast<ipc::offset_t>(sizeof(Header) + sizeof(BoardSlot) * static_cast<std::size_t>(ranks)));
    region_ = ipc::mapped_region(memory, ipc::read_write);
  } catch (const ipc::interprocess_exception& error) {
    throw OutputError("/dev/shm/{}: the watchdog's board could not be made: {}; free space in /dev/shm", name_, error.what());
  }
  header_ = static_cast<Header*>(region_.get_address());
  slots_ = reinterpret_cast<BoardSlot*>(header_ + 1);
  header_->ranks.store(ranks);
  std::copy_n(run_id.data(), std::min(run_id.size(), header_->run_id.size() - 1), header_->run_id.data());
}

void Board::remove_name() noexcept {
  ipc::shared_memory_object::remove(name_.c_str());
}

std::string board_name(std::string_view launch, std::string_view host) {
  return fmt::format("{}.{}.{}.{}", kPrefix, getuid(), launch, host);
}

int remove_stale_boards() {
  const std::string own_prefix = fmt::format("{}.{}.", kPrefix, getuid());
  int removed = 0;
  std::error_code no_folder;  // then there is nothing to remove
  for (const auto& file : std::filesystem::directory_iterator("/dev/shm", no_folder)) {
    const std::string name = file.path().filename();
    if (!name.starts_with(own_prefix)) {
      continue;
    }
    try {
      const ipc::shared_memory_object memory(ipc::open_only, name.c_str(), ipc::read_write);
      const ipc::mapped_region region(memory, ipc::read_write);
      auto* header = static_cast<Board::Header*>(region.get_address());
      auto* slots = reinterpret_cast<BoardSlot*>(header + 1);
      const std::size_t whole =
          region.get_size() < sizeof(Board::Header) ? 0 : (region.get_size() - sizeof(Board::Header)) / sizeof(BoardSlot);
      const auto lives = [](BoardSlot& slot) {
        const std::int64_t pid = slot.pid.load();
        return pid != 0 && process_state(pid, slot.process_start.load()) != ProcessState::kDead;
      };
      const bool owned = std::any_of(slots, slots + whole, [](BoardSlot& slot) { return slot.pid.load() != 0; });
      if (owned && std::none_of(slots, slots + whole, lives)) {
        removed += ipc::shared_memory_object::remove(name.c_str()) ? 1 : 0;
      }
    } catch (const ipc::interprocess_exception&) {
      // Its owner removed it meanwhile, or is just making it.
      continue;
    }
  }
  return removed;
}

}  // namespace muster::dist
