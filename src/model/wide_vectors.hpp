// A function compiled for AVX2 with fused multiply-add (x86-64-v3) and for any x86-64, of which the machine picks one. (Naming a
// processor instead, such as haswell, would leave AMD's with the second.) Left out of sanitized builds, where the choice would run
// before the sanitizer is ready.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define MUSTER_FUSED_VECTORS __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define MUSTER_FUSED_VECTORS
#endif
