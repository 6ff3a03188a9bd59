// From stored grey values of a DICOM frame to brightness.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "image/dicom_file.hpp"
#include "image/raw_image.hpp"

namespace muster::image {

// `stored`: rows * columns values, sign and unused bits already settled. Steps 2 to 4 of dicom.hpp.
RawImage grey_of_dicom(const DicomHeader& header, const std::vector<std::int32_t>& stored, std::string_view where);

}  // namespace muster::image
