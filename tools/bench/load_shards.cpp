// Four ranks load their shards of a weight file: time and memory of each, beside the bound of the shard x 1.1 + 256 MB.
//   mpirun --oversubscribe -n 4 load_shards FILE|FOLDER BF16       (mpirun only starts the processes)
//   load_shards FILE|FOLDER BF16 RANK WORLD
// Exit 1 when the memory of this rank rose by more than the bound.
#include <chrono>
#include <cstdlib>
#include <string>

#include <fmt/format.h>

#include "process_memory.hpp"
#include "weights/scalar_types.hpp"
#include "weights/sharded_load.hpp"

namespace {

int number(const char* variable) {
  const char* text = std::getenv(variable);
  return text == nullptr ? -1 : std::atoi(text);
}

}  // namespace

int main(int count, char** arguments) {
  using namespace muster;
  const int rank = count == 5 ? std::atoi(arguments[3]) : number("OMPI_COMM_WORLD_RANK");
  const int world = count == 5 ? std::atoi(arguments[4]) : number("OMPI_COMM_WORLD_SIZE");
  if ((count != 3 && count != 5) || rank < 0 || rank >= world) {
    fmt::print(stderr, "usage: load_shards FILE|FOLDER F32|BF16|F16 [RANK WORLD], or under mpirun without these\n");
    return 2;
  }
  const ScalarType type = scalar_from_name(arguments[2]);
  const double resident = bench::status_bytes("VmRSS");
  bench::reset_peak();
  const auto begin = std::chrono::steady_clock::now();

  const weights::TensorSource file = weights::TensorSource::open(arguments[1]);
  const weights::Recognised found = weights::recognise(file);
  const auto network = model::make_model(found.info.model, {}, found.num_classes, {.weights_follow = true, .variant = found.variant});
  const weights::LoadPlan plan = weights::plan_load(file, found.form, *network);
  auto shards = model::sharded_segments(network->units(), rank, world, weights::torch_type(type));
  weights::load_shards(plan, shards);
  weights::load(plan, network->buffers());

  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  double elements = 0;
  for (const model::ShardedSegment& segment : shards) {
    elements += static_cast<double>(segment.data.numel());
  }
  const double shard = elements * static_cast<double>(scalar_bytes(type)), raised = bench::status_bytes("VmHWM") - resident;
  const double bound = shard * 1.1 + 256e6;
  fmt::print("rank {} of {}: shard {:.0f} MB, memory +{:.0f} MB (bound {:.0f}), VmHWM {:.0f} MB, {:.1f} s, {:.2f} GB/s of shard; {}\n",
             rank, world, shard * 1e-6, raised * 1e-6, bound * 1e-6, bench::status_bytes("VmHWM") * 1e-6, seconds, shard / seconds * 1e-9,
             raised <= bound ? "within" : "ABOVE");
  return raised <= bound ? 0 : 1;
}
