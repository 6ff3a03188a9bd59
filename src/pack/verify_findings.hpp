// What the items of a verification find, and how it travels between ranks.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pack/stored_image.hpp"
#include "pack/verify.hpp"

namespace muster::pack {

// Of one item.
struct VerifyFindings {
  std::size_t item = 0;  // its number
  std::vector<VerifyProblem> problems;
  // The file's hash is wrong and nothing else of it was looked at: told unless samples of the file are named.
  std::vector<VerifyProblem> hash_problems;

  bool empty() const noexcept { return problems.empty() && hash_problems.empty(); }
};

// Of all items of a rank.
struct RankFindings {
  std::vector<VerifyFindings> items;      // those that found something
  std::map<std::string, PixelSums> sums;  // by split: of the decoded images
};

// Text that JSON can hold: what is no UTF-8 (names from a foreign disk) has question marks for its bytes above 127.
std::string printable(std::string text);

// As bytes (wire.hpp), and back.
std::string findings_bytes(const RankFindings& findings);
RankFindings findings_of(std::string_view bytes);

}  // namespace muster::pack
