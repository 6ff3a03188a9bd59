// task=pretrain: images and nothing else.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pack/split_source.hpp"

namespace muster::pack {

// `images` is a folder, an image, or a list: a .txt file with a folder or an image on each line, relative to the working folder as for
// `muster autolabel`. Several of these stand on lines of their own ("photos\nmore/a.jpg"; a YAML list, see source_keys.hpp). Keys are paths
// below the deepest folder that holds all that is named; what is named twice is packed once.
std::unique_ptr<SplitSource> make_unlabeled_source(const PackOptions& options, const std::string& split, const SplitSources& sources,
                                                   std::vector<std::string>& notices);

}  // namespace muster::pack
