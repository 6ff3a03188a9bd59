// "Did you mean ...?": the known name nearest to a mistyped one.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace muster {

// The candidate with the smallest edit distance (insert, delete, replace, swap of neighbours), if that is at most a third
// of the longer length, rounded up; the first of equals.
std::optional<std::string> nearest_name(std::string_view name, std::span<const std::string> candidates);

}  // namespace muster
