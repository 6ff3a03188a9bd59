// Fields of comma-separated values, as RFC 4180 has them.
#pragma once

#include <string>

namespace muster::io {

// Always quoted; line ends become spaces, so that a line stays a record.
std::string csv_field(std::string text);

}  // namespace muster::io
