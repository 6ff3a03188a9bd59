// Random weights of a model, for the measurements of loading: load_make dinov3/vitl16 F32 FOLDER
#include <chrono>
#include <string>

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "process_memory.hpp"
#include "weights/random_weights.hpp"

int main(int count, char** arguments) {
  using namespace muster;
  if (count != 4) {
    fmt::print(stderr, "usage: load_make MODEL F32|BF16|F16 FOLDER\n");
    return 2;
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto network = model::make_model(std::string(arguments[1]) + "-notpretrained", {}, 0);
  weights::WeightsInfo info;
  info.model = network->name();
  info.transform.mean.assign(network->backbone().mean.begin(), network->backbone().mean.end());
  info.transform.std.assign(network->backbone().std.begin(), network->backbone().std.end());
  const auto files = weights::write_random_weights(arguments[3], *network, info, {.dtype = scalar_from_name(arguments[2])});
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const auto parameters = static_cast<double>(model::parameter_count(*network));
  fmt::print("{} files, {:.0f} parameters in {:.1f} s with {} threads: {:.1f} million values/s; VmHWM {:.0f} MB\n", files.size(),
             parameters, seconds, at::get_num_threads(), parameters / seconds * 1e-6, bench::status_bytes("VmHWM") * 1e-6);
  return 0;
}
