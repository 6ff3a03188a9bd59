// Names inside a run's `checkpoints/` folder.
//
//   step-40                 committed (if its COMMIT verifies)
//   step-40.tmp-2           being written by attempt 2, or left behind by a killed one
//   step-40.tmp-replaced    complete, and moved aside for a new step-40
//   step-40.bad-0           was in the way under its name and did not verify
//   last, best              relative symlinks, only hints
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace muster::ckpt {

std::string step_folder_name(std::int64_t step);

// The step of a name "step-N", none for every other name.
std::optional<std::int64_t> step_of(const std::string& name);

// Steps that have a folder "step-N", newest first; none when `checkpoints` does not exist. Nothing is verified.
std::vector<std::int64_t> listed_steps(const std::filesystem::path& checkpoints);

// Removes a folder so that a kill half-way leaves no half of it under its name. OutputError when it cannot be removed.
void remove_folder(const std::filesystem::path& folder);

std::filesystem::path replaced_name(const std::filesystem::path& step_folder);

// Clears up after killed attempts: step-N.tmp-replaced gets its name back where no new step-N came, every other *.tmp-* is
// removed. Only for the one process that may write here. Returns how many folders there were.
int remove_leftovers(const std::filesystem::path& checkpoints);

}  // namespace muster::ckpt
