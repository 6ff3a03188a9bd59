#include "image/dicom_grey.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "core/error.hpp"

namespace muster::image {
namespace {

// 0 to 1. PS3.3 C.11.2.1.2.1 (LINEAR), C.11.2.1.3.2 (LINEAR_EXACT), C.11.2.1.3.1 (SIGMOID).
double through_window(double x, const DicomWindow& window) {
  const double c = window.centre;
  const double w = window.width;
  if (window.function == "SIGMOID") {
    return 1 / (1 + std::exp(-4 * (x - c) / w));
  }
  if (window.function == "LINEAR_EXACT") {
    return std::clamp((x - c) / w + 0.5, 0.0, 1.0);
  }
  if (w <= 1) {
    return x <= c - 0.5 ? 0 : 1;
  }
  return std::clamp((x - (c - 0.5)) / (w - 1) + 0.5, 0.0, 1.0);
}

double through_table(double x, const DicomTable& table) {
  const double at = std::clamp(std::round(x) - table.first, 0.0, static_cast<double>(table.values.size() - 1));
  const double top = (1 << table.bits) - 1;
  return std::min(table.values[static_cast<std::size_t>(at)] / top, 1.0);
}

struct StoredRange {
  std::int32_t least = 0, most = 0;
};

// Of the values that are no padding: it is given so that it can be left out of the range that is shown (PS3.3 C.7.5.1.1.2, note 2).
StoredRange measured_range(const std::vector<std::int32_t>& stored, const std::optional<DicomPadding>& padding) {
  StoredRange range{.least = std::numeric_limits<std::int32_t>::max(), .most = std::numeric_limits<std::int32_t>::min()};
  for (const std::int32_t v : stored) {
    if (!padding || !padding->holds(v)) {
      range = {.least = std::min(range.least, v), .most = std::max(range.most, v)};
    }
  }
  return range.least <= range.most ? range : StoredRange{};
}

}  // namespace

RawImage grey_of_dicom(const DicomHeader& header, const std::vector<std::int32_t>& stored, std::string_view where) {
  RawImage raw;
  raw.height = header.rows;
  raw.width = header.columns;
  raw.channels = 1;
  raw.max_value = header.bits_allocated == 8 ? 255 : 65535;
  const auto [low, high] = std::minmax_element(stored.begin(), stored.end());
  const auto modality = [&](std::int32_t v) { return v * header.slope + header.intercept; };
  const auto [least, most] = measured_range(stored, header.padding);
  const double darkest = std::min(modality(least), modality(most));
  const double range = std::max(modality(least), modality(most)) - darkest;
  const bool window_fits = !header.window || (std::isfinite(header.window->centre) && std::isfinite(header.window->width));
  if (!std::isfinite(darkest) || !std::isfinite(range) || !window_fits) {
    throw DataError("{}: this DICOM file scales its values by {} and {} or has an infinite window; mend its tags or remove it", where,
                    header.slope, header.intercept);
  }
  const bool as_it_is =
      !header.window && !header.table && header.bits_stored == 8 && !header.is_signed && header.slope == 1 && header.intercept == 0;
  const auto is_padding = [&](std::int32_t v) { return header.padding && header.padding->holds(v); };
  const auto brightness = [&](std::int32_t v) {
    const double unit = header.window  ? through_window(modality(v), *header.window)
                        : header.table ? through_table(modality(v), *header.table)
                        : as_it_is     ? v / 255.0
                        : is_padding(v) ? 0.0
                        : range > 0    ? std::clamp((modality(v) - darkest) / range, 0.0, 1.0)
                                       : 0.0;
    return static_cast<std::uint16_t>(std::lround((header.photometric == "MONOCHROME1" ? 1 - unit : unit) * raw.max_value));
  };
  // Each value once: a frame has more pixels than values.
  std::vector<std::uint16_t> table(static_cast<std::size_t>(*high - *low) + 1);
  for (std::size_t i = 0; i < table.size(); ++i) {
    table[i] = brightness(*low + static_cast<std::int32_t>(i));
  }
  const auto look_up = [&, first = *low](std::int32_t v) { return table[static_cast<std::size_t>(v - first)]; };
  if (raw.max_value == 255) {
    raw.narrow.resize(stored.size());
    std::ranges::transform(stored, raw.narrow.begin(), [&](std::int32_t v) { return static_cast<std::uint8_t>(look_up(v)); });
  } else {
    raw.wide.resize(stored.size());
    std::ranges::transform(stored, raw.wide.begin(), look_up);
  }
  return raw;
}

}  // namespace muster::image
