// Which mask belongs to which image.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/source_scan.hpp"
#include "pack/mask_pattern.hpp"
#include "pack/split_source.hpp"

namespace muster::pack {

// What a mask may be stored as without loss; JPEG is searched for too, to say why it is refused.
inline constexpr std::string_view kLabelExtensions[] = {"png", "pgm", "ppm", "bmp", "tif", "tiff", "webp", "jpg", "jpeg"};

// The problem of a file whose name is not UTF-8, as keys are stored; nothing for others.
std::optional<SourceProblem> name_problem(const io::SourceFile& file);

// The folder of masks where it may lie below that of the images, whose search leaves it out; nothing where they are one folder.
std::filesystem::path masks_below(const std::string& images_folder, const std::string& masks_folder);

// a/b.jpg takes the mask a/b.jpg.png if that is there, else a/b.png. Two images that would share a/b.png are a problem each,
// unless `keep_extension` is set and each has a mask of the first form. `other_files` of the result is left to the caller.
Listing pair_files(const std::vector<io::SourceFile>& images, const std::vector<io::SourceFile>& masks, bool keep_extension);

// Each image takes the mask that the pattern names. What is another image's mask is no image, so both may lie in one folder, and neither is
// a file whose mask it would be itself, as in a folder of masks below the images; a mask that two images share is a problem where the pattern holds their names.
Listing pair_by_pattern(const std::vector<io::SourceFile>& images, const std::string& images_folder, const MaskPattern& pattern,
                        const LookUp& look_up);

}  // namespace muster::pack
