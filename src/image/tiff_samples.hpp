// The samples of a TIFF page, out of its strips or tiles.
#pragma once

#include "image/raw_image.hpp"
#include "image/tiff_file.hpp"

namespace muster::image {

// Fills raw.narrow (up to 8 bits a sample) or raw.wide with the first raw.channels samples of every pixel, as stored: of `raw`, height,
// width, channels and max_value are given. Throws DataError for what is cut off or damaged.
void read_tiff_samples(TiffFile& file, RawImage& raw);

}  // namespace muster::image
