#include "gpu/device_info.hpp"

namespace muster::gpu {

std::string_view cuda_state() noexcept {
  return MUSTER_CUDA_STATE;
}  // from CMake, which decided it

}  // namespace muster::gpu
