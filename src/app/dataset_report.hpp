// What `muster info` tells about a packed data set: one tree for --json and for people.
#pragma once

#include <filesystem>
#include <string>

#include "data/dataset.hpp"
#include "io/value.hpp"

namespace muster::app {

// Whether the folder holds the manifest of a packed data set, be it damaged or not.
bool is_dataset_folder(const std::filesystem::path& folder);

// The members of manifest.json under their names there (data/FORMAT.md), without its checksum, and in front of them `data`,
// `fingerprint`, `samples`, `shards`, `bytes`; per split also `bytes` and `images {codecs {name: number}, transcoded, turned, unlabelled}`.
// Reads the index of each split: DataError when one is damaged.
io::Value dataset_report(const data::Dataset& dataset);

std::string dataset_report_text(const io::Value& report);

}  // namespace muster::app
