// How deep a DICOM data set is nested, found without recursion: DCMTK recurses, and a small file can ask for more levels than a stack has.
#pragma once

#include <cstddef>
#include <span>

namespace muster::image {

// The deepest level of sequences and items before the pixels; real files stay below ten. `bytes` begin with a preamble and DICM. What
// cannot be followed (deflated or damaged data) ends the search, and DCMTK finds the damage. Source: DICOM PS3.5, sections 7.1 and 7.5.
int dicom_nesting(std::span<const std::byte> bytes) noexcept;

}  // namespace muster::image
