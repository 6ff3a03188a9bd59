// What a data set would be packed from, and how it is known again: by its content, whatever place and times its files have.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/source_scan.hpp"
#include "pack/pack_options.hpp"

namespace muster::app {

struct SourceContent {
  std::string rules;                  // digest of all that decides the packed bytes beside those of `files`: options, classes, keys, labels
  std::vector<io::SourceFile> files;  // in the order of the listing
  std::uint64_t bytes = 0;            // of all files, about what the packed set takes

  // XXH3-128 of rules, and of place, size and times of each file: equal while nobody has touched them. Asks no file.
  std::string signature() const;
};
// Lists all sources, in this process alone. Throws as pack() does for options and folders; what is wrong with single samples is
// left to pack().
SourceContent source_content(const pack::PackOptions& options);

struct ContentFingerprint {
  std::string hex;      // XXH3-128 of rules, and of key and bytes of each file
  bool stable = false;  // every file could be read and was the one that had been listed, so the signature stands for this content
};
// Reads all files, by several threads. PackStopped when this process is asked to stop meanwhile.
ContentFingerprint content_fingerprint(const SourceContent& content);

}  // namespace muster::app
