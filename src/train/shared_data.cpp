#include "train/shared_data.hpp"

#include <algorithm>
#include <exception>
#include <map>
#include <optional>
#include <vector>

#include <fmt/ranges.h>

#include "core/error.hpp"

namespace muster::train {
namespace {

// An error on its way to other ranks: the exit code, a space, the sentence. "" = none.
std::string failure_of(const std::function<void()>& work) {
  try {
    work();
    return {};
  } catch (const Error& error) {
    return fmt::format("{} {}", static_cast<int>(error.code()), error.what());
  } catch (const std::exception& error) {
    return fmt::format("{} unexpected: {}", static_cast<int>(ExitCode::kBug), error.what());
  }
}

[[noreturn]] void throw_failure(ExitCode code, const std::string& text) {
  switch (code) {
    case ExitCode::kData:
      throw DataError("{}", text);
    case ExitCode::kConfig:
      throw ConfigError("{}", text);
    default:
      throw Error(code, text);
  }
}

std::string rank_list(const std::vector<std::size_t>& ranks) {
  return fmt::format("{} {}", ranks.size() == 1 ? "rank" : "ranks", fmt::join(ranks, ", "));
}

}  // namespace

void on_all_ranks(dist::Communicator& ranks, const std::function<void()>& work) {
  const std::vector<std::string> failures = dist::gather_texts(ranks, failure_of(work));
  std::vector<std::size_t> failed;
  for (std::size_t rank = 0; rank < failures.size(); ++rank) {
    if (!failures[rank].empty()) {
      failed.push_back(rank);
    }
  }
  if (failed.empty()) {
    return;
  }
  const std::string& first = failures[failed.front()];
  const auto code = static_cast<ExitCode>(std::stoi(first));
  const std::string text = first.substr(first.find(' ') + 1);
  const bool all_alike = std::ranges::count(failures, first) == static_cast<std::ptrdiff_t>(failures.size());
  throw_failure(code, all_alike ? text : fmt::format("{} of {} cannot go on: {}", rank_list(failed), ranks.world(), text));
}

void check_same_data(dist::Communicator& ranks, std::string_view what, const std::string& mine) {
  const std::vector<std::string> all = dist::gather_texts(ranks, mine);
  std::map<std::string, std::vector<std::size_t>> holders;
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    holders[all[rank]].push_back(rank);
  }
  if (holders.size() == 1) {
    return;
  }
  std::vector<std::string> differing;
  for (const auto& [text, who] : holders) {
    differing.push_back(fmt::format("{}: {}", rank_list(who), text));
  }
  throw DataError("ranks do not have the same {}: {}; give all of them the same files", what, fmt::join(differing, "; "));
}

}  // namespace muster::train
