#include "gpu/device_info.hpp"

#include <cuda_runtime_api.h>

#include "core/error.hpp"

namespace muster::gpu {
namespace {

void check_cuda(cudaError_t result, const char* what, int device) {
  if (result != cudaSuccess) {
    throw DeviceError("{} of GPU {} failed: {} ({}); look at nvidia-smi and the system log", what, device, cudaGetErrorString(result),
                      cudaGetErrorName(result));
  }
}

}  // namespace

DeviceList list_devices() {
  int count = 0;
  if (const cudaError_t result = cudaGetDeviceCount(&count); result != cudaSuccess) {
    return {.devices = {}, .why_none = cudaGetErrorString(result)};
  }
  DeviceList list;
  for (int device = 0; device < count; ++device) {
    cudaDeviceProp properties{};
    check_cuda(cudaGetDeviceProperties(&properties, device), "asking for the properties", device);
    list.devices.push_back({.index = device,
                            .name = properties.name,
                            .compute_major = properties.major,
                            .compute_minor = properties.minor,
                            .memory_bytes = static_cast<std::int64_t>(properties.totalGlobalMem)});
  }
  if (list.devices.empty()) {
    list.why_none = "CUDA sees no device; CUDA_VISIBLE_DEVICES may hide it";
  }
  return list;
}

}  // namespace muster::gpu
