#include "dist/watchdog.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "core/error.hpp"
#include "core/hash.hpp"
#include "dist/board.hpp"
#include "dist/flight_folder.hpp"
#include "dist/flight_record.hpp"
#include "dist/process_state.hpp"

namespace muster::dist {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr std::array kPhaseNames{"first_step", "step", "checkpoint"};
constexpr Seconds kGraceAfterDeath{0.5};  // a rank that ends in order marks its slot first; one that died never comes
constexpr Seconds kScheduling{0.25};      // beyond each deadline: the rank waited for may be ready, but its processor busy
constexpr Seconds kForTheRecord{10.0};    // until a rank leaves without its node's

}  // namespace

struct Watchdog::State final : OperationObserver {
  State(Communicator& c, LaunchEnvironment e, std::filesystem::path f, std::string run, const TimeoutOptions& t, std::function<void()> l)
      : communicator(c),
        environment(std::move(e)),
        run_id(std::move(run)),
        deadlines{t.first_step, t.step, t.checkpoint},
        leave(l ? std::move(l) : [] { _exit(static_cast<int>(ExitCode::kComeBack)); }),
        launch(broadcast_text(c, fmt::format("{:016x}", xxh3_64(fmt::format("{} {} {}", environment.host, getpid(), wall_clock_ns()))), 0)),
        flight(std::move(f), launch, count_nodes()),
        board(board_name(launch, environment.host), run_id, environment.local_world),
        slot(board.slot(environment.local_rank)) {
    slot.rank.store(environment.rank);
    slot.process_start.store(process_start(shown_pid()));
    slot.pid.store(shown_pid());
    communicator.barrier().wait();
    if (environment.local_rank == 0) {
      board.remove_name();
    }
    communicator.observe(this);
    thread = std::thread([this] { watch(); });
  }

  ~State() override {
    communicator.observe(nullptr);
    slot.left.store(1);
    {
      const std::lock_guard lock(mutex);
      ending = true;
    }
    changed.notify_one();
    thread.join();
  }

  // On the communication thread.
  void began(const Operation& operation) noexcept override {
    slot.begin(operation);
    active.store(operation.sequence, std::memory_order_release);
  }
  void ended(const Operation&) noexcept override {
    active.store(0, std::memory_order_release);
    slot.end();
  }

  int count_nodes() {
    CommunicatorReducer reducer(communicator);
    double last = environment.node;
    reducer.max({&last, 1});
    return static_cast<int>(last) + 1;
  }

  double deadline() const noexcept { return deadlines[static_cast<std::size_t>(slot.phase.load())]; }

  // Counts its own ticks, not the clock: a job that was suspended as a whole goes on where it was, and a machine too busy to run
  // this thread on time is given the time that it lacks.
  void watch() {
    std::uint64_t watched = 0;
    Seconds waited{0};
    while (sleep_one_tick()) {
      const std::uint64_t operation = active.load(std::memory_order_acquire);
      waited = operation == 0 || operation != watched ? Seconds(0) : waited + tick();
      watched = operation;
      if (board.alarm().load() != 0 || another_node_gave_up()) {
        return give_up("another rank gave up");
      }
      if (waited > Seconds(deadline()) + kScheduling) {
        return give_up(fmt::format("rank {} waited longer than {} s (parallel.timeout_s.{})", environment.rank, deadline(), phase_name()));
      }
      if (waited > kGraceAfterDeath) {
        if (const std::optional<int> dead = dead_neighbour()) {
          return give_up(fmt::format("rank {} died", *dead));
        }
      }
    }
  }

  Seconds tick() const noexcept { return Seconds(std::clamp(deadline() / 20, 0.005, 0.1)); }

  // False when the watchdog is being closed.
  bool sleep_one_tick() {
    std::unique_lock lock(mutex);
    return !changed.wait_for(lock, tick(), [this] { return ending; });
  }

  const char* phase_name() const { return kPhaseNames[static_cast<std::size_t>(slot.phase.load())]; }

  std::optional<int> dead_neighbour() {
    for (int i = 0; i < board.ranks(); ++i) {
      const BoardSlot& other = board.slot(i);
      if (other.left.load() == 0 && process_state(other.pid.load(), other.process_start.load()) == ProcessState::kDead) {
        return other.rank.load();
      }
    }
    return std::nullopt;
  }

  // One rank per node looks into the run's folder, once a second.
  bool another_node_gave_up() {
    if (flight.nodes() == 1 || environment.local_rank != 0 || Clock::now() < next_look) {
      return false;
    }
    next_look = Clock::now() + std::chrono::seconds(1);
    return flight.alarm_was_raised();
  }

  // Does not return unless `leave` does.
  void give_up(const std::string& cause) {
    std::int32_t nobody = 0;
    if (!board.alarm().compare_exchange_strong(nobody, environment.rank + 1)) {
      wait_up_to(kForTheRecord.count(), [&] { return board.alarm().load() == Board::kWritten; });
      return leave();
    }
    try {
      if (const std::string verdict = flight.write_and_merge(node_record(cause), environment.world); !verdict.empty()) {
        fmt::print(stderr, "{}; {}. All ranks leave; their last operations are in {}; start the same command again\n", cause, verdict,
                   flight.report().string());
      }
    } catch (const std::exception& error) {
      fmt::print(stderr, "{}; the record of it could not be written: {}\n", cause, error.what());
    }
    std::fflush(stderr);
    board.alarm().store(Board::kWritten);
    leave();
  }

  NodeRecord node_record(const std::string& cause) {
    NodeRecord record{.launch = launch, .run = run_id, .node = environment.node, .host = environment.host, .cause = cause, .ranks = {}};
    for (int i = 0; i < board.ranks(); ++i) {
      const BoardSlot& s = board.slot(i);
      record.ranks.push_back({.rank = s.rank.load(),
                              .host = environment.host,
                              .pid = s.pid.load(),
                              .process = process_state(s.pid.load(), s.process_start.load()),
                              .phase = kPhaseNames[static_cast<std::size_t>(s.phase.load())],
                              .operations = recorded_operations(s)});
    }
    return record;
  }

  Communicator& communicator;
  const LaunchEnvironment environment;
  const std::string run_id;
  const std::array<double, 3> deadlines;  // seconds, by phase
  const std::function<void()> leave;
  const std::string launch;
  FlightFolder flight;
  Board board;
  BoardSlot& slot;
  std::atomic<std::uint64_t> active{0};  // sequence of the operation under way; 0 = none
  Clock::time_point next_look{};
  std::mutex mutex;  // of `ending`
  std::condition_variable changed;
  bool ending = false;
  std::thread thread;
};

Watchdog::Watchdog(Communicator& communicator, const LaunchEnvironment& environment, std::filesystem::path folder, std::string run_id,
                   const TimeoutOptions& timeouts, std::function<void()> leave) {
  if (communicator.world() == 1) {
    return;
  }
  if (environment.local_rank == 0) {
    remove_stale_boards();
  }
  state_ = std::make_unique<State>(communicator, environment, std::move(folder), std::move(run_id), timeouts, std::move(leave));
}

Watchdog::~Watchdog() = default;

void Watchdog::phase(Phase phase) noexcept {
  if (state_ != nullptr) {
    state_->slot.phase.store(static_cast<std::int32_t>(phase));
  }
}

}  // namespace muster::dist
