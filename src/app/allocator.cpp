#include "app/allocator.hpp"

#include <malloc.h>

namespace muster::app {

void keep_freed_memory() {
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // bytes; the largest that glibc takes
  mallopt(M_TRIM_THRESHOLD, -1);        // never
}

}  // namespace muster::app
