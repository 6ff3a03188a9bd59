#include "dist/mpi_call.hpp"

#include "core/error.hpp"
#include "dist/mpi_transport.hpp"

namespace muster::dist {

void check_mpi(int result, const char* what) {
  if (result != MPI_SUCCESS) {
    char text[MPI_MAX_ERROR_STRING] = "unknown error";
    int length = 0;
    MPI_Error_string(result, text, &length);
    throw CommError("MPI failed to {}: {}; start the same command again", what, text);
  }
}

void start_mpi() {
  int provided = 0;
  check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided), "start");
  if (provided < MPI_THREAD_SERIALIZED) {
    throw CommError("this MPI gives thread level {}, but one thread beside the main one must be allowed to call it (SERIALIZED, {})",
                    provided, static_cast<int>(MPI_THREAD_SERIALIZED));
  }
  check_mpi(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "set the error handler");
}

void finish_mpi() {
  check_mpi(MPI_Finalize(), "finish");
}

}  // namespace muster::dist
