// task=image_classification: an image and its class, or its classes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pack/split_source.hpp"

namespace muster::pack {

// images=FOLDER: the first folder below it is the class, whatever lies between that and the image. csv=FILE: see csv_labels.hpp; paths are
// absolute or relative to the file, and keys relative to it too, or to the deepest folder that holds all images where one lies elsewhere.
// Without `classes`, the names found in the folders or tables of all splits are the classes, in ascending order of their bytes.
std::unique_ptr<SplitSource> make_classification_source(const PackOptions& options, const std::string& split, const SplitSources& sources,
                                                        std::vector<std::string>& notices);

}  // namespace muster::pack
