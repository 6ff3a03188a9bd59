// task=semantic_segmentation: an image and a mask of class values.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pack/split_source.hpp"

namespace muster::pack {

// Masks by folder or by pattern (pairing.hpp), whose values or colours the classes declare (class_file.hpp).
std::unique_ptr<SplitSource> make_semantic_source(const PackOptions& options, const std::string& split, const SplitSources& sources,
                                                  std::vector<std::string>& notices);

}  // namespace muster::pack
