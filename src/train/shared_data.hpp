// Data opened by all ranks before the first step: what goes wrong on one of them ends all of them, with the same sentence, and none waits.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "dist/communicator.hpp"

namespace muster::train {

// Collective. Calls `work`, which must not be collective itself, and returns when it has ended well everywhere. Otherwise every rank throws
// the error of the lowest rank that failed, which is named unless all failed alike.
void on_all_ranks(dist::Communicator& ranks, const std::function<void()>& work);

// Collective. DataError on every rank, with the ranks and what they have, unless all give the same text; `what`: "data set".
void check_same_data(dist::Communicator& ranks, std::string_view what, const std::string& mine);

}  // namespace muster::train
