// The doorbells of MPI ranks: one per rank of a node, in memory that MPI shares between them and removes with the job.
#pragma once

#include "dist/doorbell.hpp"
#include "dist/mpi_call.hpp"

namespace muster::dist {

class MpiBells {
 public:
  // Collective over `world`. Throws CommError.
  explicit MpiBells(MPI_Comm world);
  // Collective over the ranks of a node; nobody rings afterwards.
  void free() noexcept { MPI_Win_free(&memory_); }

  const Doorbells& bells() const noexcept { return bells_; }

 private:
  MPI_Win memory_ = MPI_WIN_NULL;
  Doorbells bells_;
};

}  // namespace muster::dist
