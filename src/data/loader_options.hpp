// loader.*: how samples are fetched. None of it changes which numbers a run computes, except `tail`.
#pragma once

#include <string>

#include "core/error.hpp"
#include "core/options.hpp"

namespace muster::data {

struct LoaderOptions {
  int threads = 0;
  int prefetch_batches = 2;
  std::string tail = "stream";
};

template <class Visitor>
void visit(Visitor& v, LoaderOptions& o) {
  v.field("threads", o.threads, between(0, 1024), "threads that read, decode and augment; 0 = one per processor this rank may use");
  v.field("prefetch_batches", o.prefetch_batches, between(1, 1024), "steps whose batches are prepared ahead");
  v.field("tail", o.tail, one_of({"stream", "drop"}),
          "stream: batches run on over the end of an epoch; drop: what is left of an epoch and shorter than a batch is skipped");
}

inline void validate(const LoaderOptions& o) {
  if (o.tail != "stream" && o.tail != "drop") {
    throw ConfigError("loader.tail={}: wanted stream or drop", o.tail);
  }
}

}  // namespace muster::data
