// The program's log: `train.log` of a run through spdlog, with the rank in every line, and clean lines on the console.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

namespace muster::report {

// Sets spdlog's default logger, so that every module writes with spdlog::info(...) and friends.
//   console (stderr): rank 0 everything from `info` on, as plain sentences; other ranks warnings and errors, named by rank.
//   run folder:       rank 0 appends to train.log; other ranks append their warnings to one file per node, warnings.<host>.log.
// May be called again, when the run folder is known. Throws OutputError when the file cannot be opened.
void init_logging(const std::optional<std::filesystem::path>& run_folder, int rank = 0);

// One line for the run's file alone, at level `info`; for what the console shows in its own way. Nothing without a run folder.
void log_to_file(std::string_view line);

// Flushes, leaves the terminal with a finished line, and goes back to a console-only logger. Called by `main` before it exits.
void close_logging();

}  // namespace muster::report
