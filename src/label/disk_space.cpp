#include "label/disk_space.hpp"

#include "core/atomic_file.hpp"
#include "core/error.hpp"

namespace muster::label {

std::uint64_t expected_mask_bytes(const std::vector<ListedImage>& images) {
  constexpr std::uint64_t kBlock = 4096;
  std::uint64_t bytes = 0;
  for (const ListedImage& image : images) {
    bytes += image.bytes / 8 + kBlock;
  }
  return bytes;
}

void check_free_space(const std::filesystem::path& folder, std::uint64_t wanted_bytes) {
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(folder, error);
  if (error) {
    throw_output_error("ask for the free space of", folder, error.value());
  }
  if (space.available < wanted_bytes) {
    throw OutputError("{}: the masks will take about {:.1f} MB, and {:.1f} MB are free there; make room or choose another out",
                      folder.string(), static_cast<double>(wanted_bytes) / 1e6, static_cast<double>(space.available) / 1e6);
  }
}

}  // namespace muster::label
