// Which image, which mask and which annotation belong together.
#pragma once

#include "data/class_list.hpp"
#include "io/source_scan.hpp"
#include "pack/coco_panoptic.hpp"
#include "pack/split_source.hpp"

namespace muster::pack {

// `annotation` of a sample is its row in the annotations; images without one are images_without_target.
//
// What the annotations name, found below `sources.images` and `sources.masks` as make_panoptic_source() says. A problem each: an image with
// two annotations, a name that several files have, a mask that is not there, segments with an id twice or an unknown category.
// DataError when the annotations name none of the images, or two images have one id.
Listing list_panoptic(const CocoPanoptic& coco, const data::ClassList& classes, const io::Scan& images, const io::Scan& masks,
                      const SplitSources& sources);

}  // namespace muster::pack
