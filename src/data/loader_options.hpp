// loader.*: how samples are fetched. None of it changes which numbers a run computes, except `tail` and `sampling`.
#pragma once

#include <string>

#include "core/error.hpp"
#include "core/options.hpp"
#include "data/read_options.hpp"
#include "data/sampling_options.hpp"

namespace muster::data {

struct LoaderOptions {
  int threads = 0;
  int prefetch_batches = 2;
  std::string shard_read = "pread";
  std::string tail = "stream";
  std::string sampling = "uniform";
  SamplingOptions sampling_args{};
};

template <class Visitor>
void visit(Visitor& v, LoaderOptions& o) {
  v.field("threads", o.threads, between(0, 1024), "threads that read, decode and augment; 0 = one per processor this rank may use");
  v.field("prefetch_batches", o.prefetch_batches, between(1, 1024), "steps whose batches are prepared ahead");
  v.field("shard_read", o.shard_read, one_of({"pread", "mmap"}),
          "pread: for any file system; mmap: less processor time per sample where the shards stay in the page cache of a local disk");
  v.field("tail", o.tail, one_of({"stream", "drop"}),
          "stream: batches run on over the end of an epoch; drop: what is left of an epoch and shorter than a batch is skipped");
  v.field("sampling", o.sampling, one_of({"uniform", "repeat_factor", "class_balanced", "rare_class"}),
          "uniform: each image once per epoch; the others draw images with rare classes more often, from the class histogram of the pack");
  v.group("sampling_args", o.sampling_args);
}

inline void validate(const LoaderOptions& o) {
  if (o.tail != "stream" && o.tail != "drop") {
    throw ConfigError("loader.tail={}: wanted stream or drop", o.tail);
  }
  static_cast<void>(read_way_from_name(o.shard_read));
  static_cast<void>(sampling_from_name(o.sampling));
}

}  // namespace muster::data
