// What `muster info` tells about weights: one tree for --json and for people.
#pragma once

#include <string>

#include "io/value.hpp"

namespace muster::app {

// `name` as in find_model(). A file whose form is not known is described all the same, with the reason as `not_recognised`.
// ConfigError when there is nothing of this name; DataError and CheckpointError for what cannot be read.
io::Value weight_report(const std::string& name);

std::string weight_report_text(const io::Value& report);

}  // namespace muster::app
