// Whether the masks will fit, asked before hours of work.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "label/image_list.hpp"

namespace muster::label {

// A rough upper figure: masks are PNG of few colours, an eighth of a photo's bytes and a block of the file system each.
std::uint64_t expected_mask_bytes(const std::vector<ListedImage>& images);

// OutputError, with both figures, when less is free in the file system of `folder`, which exists.
void check_free_space(const std::filesystem::path& folder, std::uint64_t wanted_bytes);

}  // namespace muster::label
