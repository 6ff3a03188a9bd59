// task=panoptic_segmentation: an image, a PNG whose colours are segment ids, and what the COCO file says of each segment.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pack/split_source.hpp"

namespace muster::pack {

// Reads the annotations. `file_name` of an image is a path below `images`, of an annotation below `masks`; where there is no such file, one
// of the same name with another extension, or without the folders, is taken. Segments without a pixel are left out; areas and boxes are
// those of the pixels, and remarks() counts where the file says otherwise.
// The categories are the classes; those that ignore_classes names are packed too, which a notice tells.
// ConfigError when images, masks or annotations are not given, when classes are declared elsewhere, and for ignored ids that are no
// category; DataError for annotations that cannot be used.
std::unique_ptr<SplitSource> make_panoptic_source(const PackOptions& options, const std::string& split, const SplitSources& sources,
                                                  std::vector<std::string>& notices);

}  // namespace muster::pack
