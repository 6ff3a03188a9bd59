// MPI as the mpi_*.cpp see it, and nobody else: its header, and one checker for all results.
#pragma once

#define OMPI_SKIP_MPICXX 1  // the C++ bindings of old, which nobody needs
#include <mpi.h>

namespace muster::dist {

// CommError "MPI failed to WHAT: its own text".
void check_mpi(int result, const char* what);

}  // namespace muster::dist
