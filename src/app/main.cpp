// `muster`: finds the command, runs it, and turns what it throws into one sentence and an exit code.
#include <cstdio>
#include <exception>
#include <new>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <c10/util/Exception.h>

#include "app/parse_arguments.hpp"
#include "app/process_setup.hpp"
#include "core/stop_flags.hpp"
#include "report/log.hpp"

namespace muster::app {
namespace {

ExitCode run(int argc, const char* const* argv) {
  const Invocation invocation = parse_arguments(argc, argv);
  if (invocation.version) {
    fmt::print("muster {}\n", MUSTER_VERSION);
    return ExitCode::kDone;
  }
  if (invocation.command == nullptr) {
    fmt::print("{}", program_help());
    return ExitCode::kDone;
  }
  if (invocation.arguments.help) {
    fmt::print("{}", command_help(*invocation.command));
    return ExitCode::kDone;
  }
  install_stop_handlers();
  set_up_process();
  return invocation.command->run(invocation.arguments);
}

ExitCode run_and_report(int argc, const char* const* argv) {
  try {
    return run(argc, argv);
  } catch (const Error& error) {
    spdlog::error("{}", error.what());
    return error.code();
  } catch (const c10::Error& error) {
    // LibTorch found an argument of ours wrong, or ran out of memory: neither is the user's recipe.
    spdlog::error("LibTorch: {}", error.what_without_backtrace());
    return ExitCode::kBug;
  } catch (const std::bad_alloc&) {
    spdlog::error("out of memory; lower batch_size, raise gradient_accumulation_steps, or use a smaller transform_args.image_size");
    return ExitCode::kConfig;
  } catch (const std::exception& error) {
    spdlog::error("unexpected: {}", error.what());
    return ExitCode::kBug;
  }
}

}  // namespace
}  // namespace muster::app

int main(int argc, char** argv) {
  muster::report::init_logging(std::nullopt);
  const muster::ExitCode code = muster::app::run_and_report(argc, argv);
  muster::report::close_logging();
  std::fflush(stdout);
  return static_cast<int>(code);
}
