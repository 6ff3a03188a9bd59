#include "parallel/flat_gather.hpp"

#include <ATen/ops/zeros.h>

#include "core/error.hpp"
#include "core/flat_layout.hpp"

namespace muster::parallel {

std::span<std::byte> bytes_of(const at::Tensor& tensor) {
  check(tensor.is_contiguous() && tensor.device().is_cpu(), "bytes_of: the tensor is not contiguous in host memory");
  return {static_cast<std::byte*>(tensor.data_ptr()), static_cast<std::size_t>(tensor.nbytes())};
}

ScalarType scalar_type_of(const at::Tensor& tensor) {
  check(tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kDouble, "a flat tensor of type {} is neither float nor double",
        at::toString(tensor.scalar_type()));
  return tensor.scalar_type() == at::kFloat ? ScalarType::kF32 : ScalarType::kF64;
}

void gather_shards(at::Tensor& flat, dist::Communicator& ranks) {
  if (ranks.world() == 1) {
    return;
  }
  const FlatShard shard = flat_shard(flat.numel(), ranks.rank(), ranks.world());
  const at::Tensor mine = at::zeros({shard.chunk}, flat.options());
  mine.slice(0, 0, shard.end - shard.begin).copy_(flat.slice(0, shard.begin, shard.end));
  const at::Tensor all = at::zeros({shard.chunk * ranks.world()}, flat.options());
  ranks.all_gather(bytes_of(mine), bytes_of(all)).wait();
  flat.copy_(all.slice(0, 0, flat.numel()));
}

}  // namespace muster::parallel
