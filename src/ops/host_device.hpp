// Marks a formula that the CPU reference and the CUDA kernel share, so that it is tested once.
#pragma once

#ifdef __CUDACC__
#define MUSTER_HOST_DEVICE __host__ __device__
#else
#define MUSTER_HOST_DEVICE
#endif
