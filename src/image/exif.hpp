// The EXIF orientation of a file, and nothing else of EXIF. Never throws: a damaged block means 1, upright, as readers agree.
// Source of the layout: Exif 2.32 (CIPA DC-008), section 4.5 and 4.6.4; PNG: eXIf chunk of PNG 1.2 extensions 1.5.0.
#pragma once

#include <cstddef>
#include <span>

namespace muster::image {

int jpeg_orientation(std::span<const std::byte> jpeg) noexcept;
int png_orientation(std::span<const std::byte> png) noexcept;

// Of a bare TIFF block, as it stands behind "Exif\0\0" and in eXIf.
int tiff_orientation(std::span<const std::byte> tiff) noexcept;

}  // namespace muster::image
