// Which GPUs this process sees, and what of CUDA is in this binary.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace muster::gpu {

struct DeviceInfo {
  int index = 0;  // as CUDA counts them, after CUDA_VISIBLE_DEVICES
  std::string name{};
  int compute_major = 0;  // 9.0 is Hopper, 10.0 Blackwell
  int compute_minor = 0;
  std::int64_t memory_bytes = 0;
};

struct DeviceList {
  std::vector<DeviceInfo> devices;
  std::string why_none;  // empty when there are devices
};

// Does not start CUDA on any device. A missing driver or GPU is an empty list, not an error.
// Throws DeviceError when a device is there and cannot be asked.
DeviceList list_devices();

// "compiled and linked", "compiled, not linked" (nvcc was there, LibTorch's CUDA libraries were not) or "not compiled".
std::string_view cuda_state() noexcept;

}  // namespace muster::gpu
