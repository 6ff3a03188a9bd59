#include "ckpt/folders.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <system_error>

#include <fmt/format.h>

#include "core/atomic_file.hpp"

namespace muster::ckpt {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kStep = "step-";
constexpr std::string_view kTemporary = ".tmp-";
constexpr std::string_view kReplaced = ".tmp-replaced";

}  // namespace

std::string step_folder_name(std::int64_t step) {
  return fmt::format("{}{}", kStep, step);
}

std::optional<std::int64_t> step_of(const std::string& name) {
  if (!name.starts_with(kStep)) {
    return std::nullopt;
  }
  std::int64_t step = 0;
  const char* end = name.data() + name.size();
  const auto [next, error] = std::from_chars(name.data() + kStep.size(), end, step);
  // "step-007" and "step--7" are not ours.
  if (error != std::errc() || next != end || name != step_folder_name(step) || step < 0) {
    return std::nullopt;
  }
  return step;
}

std::vector<std::int64_t> listed_steps(const fs::path& checkpoints) {
  std::vector<std::int64_t> steps;
  std::error_code error;
  for (fs::directory_iterator each(checkpoints, error), end; !error && each != end; each.increment(error)) {
    std::error_code is_no_folder;
    if (const auto step = step_of(each->path().filename().string()); step && fs::is_directory(each->path(), is_no_folder)) {
      steps.push_back(*step);
    }
  }
  std::sort(steps.begin(), steps.end(), std::greater<>());
  return steps;
}

void remove_folder(const fs::path& folder) {
  std::error_code error;
  fs::path doomed = folder;
  if (folder.string().find(kTemporary) == std::string::npos) {
    doomed = folder.string() + std::string(kTemporary) + "removed";
    fs::remove_all(doomed, error);
    fs::rename(folder, doomed, error);
    if (error) {
      throw_output_error("rename", folder, error.value());
    }
  }
  fs::remove_all(doomed, error);
  if (error) {
    throw_output_error("remove", doomed, error.value());
  }
}

fs::path replaced_name(const fs::path& step_folder) {
  return step_folder.string() + std::string(kReplaced);
}

int remove_leftovers(const fs::path& checkpoints) {
  std::vector<fs::path> leftovers;
  std::error_code error;
  for (fs::directory_iterator each(checkpoints, error), end; !error && each != end; each.increment(error)) {
    const std::string name = each->path().filename().string();
    if (name.starts_with(kStep) && name.find(kTemporary) != std::string::npos) {
      leftovers.push_back(each->path());
    }
  }
  for (const fs::path& leftover : leftovers) {
    const std::string name = leftover.string();
    const fs::path original = name.substr(0, name.rfind(kTemporary));
    if (name.ends_with(kReplaced) && !fs::exists(original)) {
      fs::rename(leftover, original, error);
    } else {
      remove_folder(leftover);
    }
  }
  return static_cast<int>(leftovers.size());
}

}  // namespace muster::ckpt
