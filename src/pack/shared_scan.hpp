// A search of folders that all ranks share: one rank reads the names, all ask for sizes and times.
#pragma once

#include "pack/ranks.hpp"
#include "pack/split_source.hpp"

namespace muster::pack {

// `ranks` must outlive the function. `threads` 0 = as many as a file server likes (io::kScanThreads).
ScanFolder shared_scan(Ranks& ranks, int threads);

}  // namespace muster::pack
