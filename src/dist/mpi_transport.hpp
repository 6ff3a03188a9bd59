// Ranks that are processes, over MPI point-to-point messages. All of it on the one thread that also starts and ends MPI.
#pragma once

#include <memory>

#include "dist/transport.hpp"

namespace muster::dist {

// MPI_Init_thread; what fails from here on is an error of ours, not the end of the process. Throws CommError.
void start_mpi();
// Collective. Every transport has been destroyed before.
void finish_mpi();

// Collective: all ranks of the job. Messages do not meet those of other transports. Throws CommError.
std::unique_ptr<Transport> make_mpi_transport();

}  // namespace muster::dist
