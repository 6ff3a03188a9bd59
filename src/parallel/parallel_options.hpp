// How the ranks of a run share the work (`parallel.*`). None of it defines the run: all of it may change at a resume.
#pragma once

#include <string>

#include "core/options.hpp"
#include "dist/watchdog_options.hpp"

namespace muster::parallel {

struct ParallelOptions {
  std::string strategy = "ddp";
  dist::TimeoutOptions timeout_s;
};

template <class Visitor>
void visit(Visitor& v, ParallelOptions& o) {
  v.field("strategy", o.strategy, one_of({"ddp"}), "how weights and gradients are spread over ranks; ddp = every rank holds all of them");
  v.group("timeout_s", o.timeout_s);
}

inline void validate(const ParallelOptions&) {}

}  // namespace muster::parallel
