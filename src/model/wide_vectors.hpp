// A function compiled for AVX2 with fused multiply-add and for any x86-64, of which the machine picks one. Left out of sanitized
// builds, where the choice would run before the sanitizer is ready.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define MUSTER_FUSED_VECTORS __attribute__((target_clones("arch=haswell", "default")))
#else
#define MUSTER_FUSED_VECTORS
#endif
