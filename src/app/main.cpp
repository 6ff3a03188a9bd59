// `muster`: finds the command, runs it on the ranks of this launch, and turns what it throws into one sentence and an exit code.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <c10/util/Exception.h>

#include "app/parse_arguments.hpp"
#include "app/process_setup.hpp"
#include "core/stop_flags.hpp"
#include "dist/launch_environment.hpp"
#include "dist/session.hpp"
#include "report/log.hpp"

namespace muster::app {
namespace {

// Lives outside of what an exception unwinds: nothing collective is finalised then.
struct Process {
  dist::LaunchEnvironment environment;
  std::unique_ptr<dist::Session> session;
};

bool prints_only(const Invocation& invocation) {
  return invocation.version || invocation.command == nullptr || invocation.arguments.help || invocation.arguments.print_config;
}

ExitCode run_command(Invocation& invocation, Process& process) {
  process.session = dist::Session::open();
  const dist::LaunchEnvironment& launch = process.session->environment();
  set_up_process(*process.session);
  invocation.arguments.session = process.session.get();
  ExitCode code = ExitCode::kDone;
  if (invocation.command->over_ranks || launch.rank == 0) {
    if (!invocation.command->over_ranks && launch.world > 1) {
      spdlog::info("muster {} works on one rank; the other {} wait for it", invocation.command->name, launch.world - 1);
    }
    code = invocation.command->run(invocation.arguments);
  }
  process.session->close();
  return code;
}

ExitCode run(int argc, const char* const* argv, Process& process) {
  Invocation invocation = parse_arguments(argc, argv);
  if (!prints_only(invocation)) {
    return run_command(invocation, process);
  }
  if (process.environment.rank != 0) {
    return ExitCode::kDone;
  }
  if (invocation.version) {
    fmt::print("muster {}\n", MUSTER_VERSION);
  } else if (invocation.command == nullptr) {
    fmt::print("{}", program_help());
  } else if (invocation.arguments.help) {
    fmt::print("{}", command_help(*invocation.command));
  } else {
    return invocation.command->run(invocation.arguments);
  }
  return ExitCode::kDone;
}

struct Failure {
  ExitCode code;
  std::string text;
};

// Inside a catch block: what was caught, as a sentence for the user.
Failure describe_failure() {
  try {
    throw;
  } catch (const Error& error) {
    return {error.code(), error.what()};
  } catch (const c10::Error& error) {
    // LibTorch found an argument of ours wrong, or ran out of memory: neither is the user's recipe.
    return {ExitCode::kBug, fmt::format("LibTorch: {}", error.what_without_backtrace())};
  } catch (const std::bad_alloc&) {
    return {ExitCode::kConfig,
            "out of memory; lower batch_size, raise gradient_accumulation_steps, or use a smaller transform_args.image_size"};
  } catch (const std::exception& error) {
    return {ExitCode::kBug, fmt::format("unexpected: {}", error.what())};
  }
}

// Most errors come on all ranks alike, and are to be read once: rank 0 speaks at once and ends, upon which the launcher sends the
// others TERM, within a second. A rank that gets none has an error of its own.
bool is_ours_to_say(const dist::LaunchEnvironment& environment) {
  if (environment.rank == 0 || environment.world == 1) {
    return environment.rank == 0;  // of a launch that was not understood (world 1), every task finds the same
  }
  request_stop(0);
  for (int waited_ms = 0; waited_ms < 2500 && requested_stop() != SIGTERM; waited_ms += 20) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return requested_stop() != SIGTERM;
}

ExitCode run_and_report(int argc, const char* const* argv) {
  Process process;
  // The rank for the log, even when the launch itself is what is wrong.
  const char* task = std::getenv("SLURM_PROCID");
  process.environment.rank = task == nullptr ? 0 : std::atoi(task);
  try {
    process.environment = dist::detect_launch();
    report::init_logging(std::nullopt, process.environment.rank);
    return run(argc, argv, process);
  } catch (...) {
    const Failure failure = describe_failure();
    if (is_ours_to_say(process.environment)) {
      spdlog::error("{}", failure.text);
    }
    if (process.environment.world > 1) {
      report::close_logging();
      std::fflush(stdout);
      dist::Session::abort(failure.code);
    }
    return failure.code;
  }
}

}  // namespace
}  // namespace muster::app

int main(int argc, char** argv) {
  muster::install_stop_handlers();  // first of all: a signal that comes early must not end a rank (spec: up to 60 s early)
  muster::report::init_logging(std::nullopt);
  const muster::ExitCode code = muster::app::run_and_report(argc, argv);
  muster::report::close_logging();
  std::fflush(stdout);
  // Nothing is left but LibTorch, which takes its operators out of its tables one by one: a fifth of a second, for memory that goes anyway.
  std::_Exit(static_cast<int>(code));
}
