// What packed segments show beside what their annotations say.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "data/index_columns.hpp"
#include "pack/coco_panoptic.hpp"

namespace muster::pack {

// Sentences with counts and a first example each, none where all agrees: segments without a pixel, other areas, other boxes, images of
// another size. `rows`: annotation of each image's key. Samples that were packed smaller than their source are not compared by pixels.
std::vector<std::string> panoptic_remarks(const data::IndexColumns& packed, const CocoPanoptic& stated,
                                          const std::unordered_map<std::string, std::uint32_t>& rows, const std::string& where);

}  // namespace muster::pack
