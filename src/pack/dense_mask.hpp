// From the file of a mask to dense class indices, exactly.
#pragma once

#include <span>
#include <vector>

#include "data/shard_writer.hpp"
#include "image/image.hpp"
#include "pack/class_file.hpp"

namespace muster::pack {

struct DenseMask {
  image::LabelMap labels;                    // dense index, or kVoid
  std::vector<data::ClassPixels> histogram;  // ascending class_index, pixels > 0
};

// Where the classes have pixel values: grey values or palette indices of 1 to 16 bits. Where they have colours: the 8-bit RGB of a lossless
// file; a palette is looked up, grey repeated, alpha dropped. `where` is the file. Any thread.
// DataError for what is damaged or cannot hold labels (JPEG, lossy WebP, more than 8 bits of colour); UndeclaredValueError with every
// value that no class declares and how many pixels hold it.
DenseMask decode_dense_mask(std::span<const std::byte> bytes, const PixelTable& table, const DeclaredClasses& declared,
                            const std::string& where);

}  // namespace muster::pack
