#include "dist/mpi_bells.hpp"

#include <cstring>
#include <memory>
#include <vector>

namespace muster::dist {
namespace {

constexpr std::size_t kRoom = sizeof(Bell) + alignof(Bell);

// At the same place for all: pages lie anywhere, but an address within a page is the same in every process.
Bell* bell_in(void* memory) {
  std::size_t room = kRoom;
  return static_cast<Bell*>(std::align(alignof(Bell), sizeof(Bell), memory, room));
}

}  // namespace

MpiBells::MpiBells(MPI_Comm world) {
  int rank = 0, ranks = 0, near = 0;
  check_mpi(MPI_Comm_rank(world, &rank), "tell the rank");
  check_mpi(MPI_Comm_size(world, &ranks), "tell the number of ranks");
  MPI_Comm node = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(world, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &node), "find the ranks of a node");
  check_mpi(MPI_Comm_size(node, &near), "count the ranks of a node");
  void* own = nullptr;
  check_mpi(MPI_Win_allocate_shared(kRoom, 1, MPI_INFO_NULL, node, &own, &memory_), "share memory in a node");
  std::memset(own, 0, kRoom);
  std::vector<int> rank_of(static_cast<std::size_t>(near));
  check_mpi(MPI_Allgather(&rank, 1, MPI_INT, rank_of.data(), 1, MPI_INT, node), "list the ranks of a node");  // no bell rings before
  std::vector<Bell*> bells(static_cast<std::size_t>(ranks));
  for (int i = 0; i < near; ++i) {
    MPI_Aint size = 0;
    int unit = 0;
    void* memory = nullptr;
    check_mpi(MPI_Win_shared_query(memory_, i, &size, &unit, &memory), "share memory in a node");
    bells[static_cast<std::size_t>(rank_of[static_cast<std::size_t>(i)])] = bell_in(memory);
  }
  bells_ = Doorbells(rank, std::move(bells));
  check_mpi(MPI_Comm_free(&node), "free a communicator");
}

}  // namespace muster::dist
