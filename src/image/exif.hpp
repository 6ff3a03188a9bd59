// The orientation of a file, and nothing else of its metadata. Never throws: a damaged block means 1, upright, as readers agree.
//
// EXIF decides; where it has no orientation, XMP's tiff:Orientation does (Pillow reads them in this order).
// Source of the layout: Exif 2.32 (CIPA DC-008), section 4.5 and 4.6.4; PNG: eXIf chunk of PNG 1.2 extensions 1.5.0; XMP part 3.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace muster::image {

int jpeg_orientation(std::span<const std::byte> jpeg) noexcept;

// Of the eXIf chunk alone; 0 = there is none, or none in it. What other chunks say, libpng hands out as text (png.cpp).
int png_orientation(std::span<const std::byte> png) noexcept;

// Of a bare TIFF block, as it stands behind "Exif\0\0" and in eXIf.
int tiff_orientation(std::span<const std::byte> tiff) noexcept;

// The same with or without "Exif\0\0" before it; 0 = no orientation in it.
int exif_block_orientation(std::span<const std::byte> block) noexcept;

// Of an EXIF block as ImageMagick writes it into text chunks: a name, its length, and hexadecimal digits; 0 = no orientation in it.
int raw_profile_orientation(std::string_view profile) noexcept;

// Of an XMP packet: tiff:Orientation as attribute or as element. 1 = none.
int xmp_orientation(std::span<const std::byte> packet) noexcept;

}  // namespace muster::image
