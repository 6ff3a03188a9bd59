// A worker of forward_vs_torch.py: forward passes, with or without backward, of one bare backbone in fp32.
//   forward_bench dinov3/vits16 THREADS BATCH SIZE, then a line per pass on standard input:
//     build forward | build train  -> seconds; before the first pass, once: of one kind are all passes
//     forward | train  -> seconds of one pass (train: zero gradients, forward, backward)
//     memory           -> resident memory now and at most since the last reset, in MiB
//     reset            -> starts that maximum anew
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include <malloc.h>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "model/initialisation.hpp"
#include "model/model.hpp"
#include "model/plain_runner.hpp"
#include "process_memory.hpp"

// As src/app/process_setup.cpp, with its reasons.
extern "C" __attribute__((visibility("default"))) int mkl_serv_intel_cpu_true() {
  return 1;
}

namespace {

using namespace muster;
using Clock = std::chrono::steady_clock;
constexpr double kMiB = 1 << 20;

class Bench {
 public:
  Bench(const std::string& name, std::int64_t batch, std::int64_t size, model::Gradients gradients)
      : network_(model::make_model(name + "-notpretrained", {}, 0)),
        parameters_(network_->units(), at::kFloat, gradients),
        images_(at::empty({batch, 3, size, size}, at::kFloat)) {
    model::initialise(parameters_, network_->units(), 0);
    model::fill(images_, {model::Init::Kind::kNormal, 1}, 0, "images");
  }

  void forward() {
    const c10::InferenceMode no_gradients;
    model::PlainRunner runner(parameters_);
    network_->outputs(runner, images_);
  }

  void train() {
    parameters_.zero_grad();
    model::PlainRunner runner(parameters_);
    at::Tensor loss;
    for (const auto& [name, tensor] : network_->outputs(runner, images_)) {
      const at::Tensor term = tensor.square().mean();
      loss = loss.defined() ? loss + term : term;
    }
    loss.backward();
  }

 private:
  std::unique_ptr<model::Model> network_;
  model::ParameterStore parameters_;
  at::Tensor images_;
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) {
    fmt::print(stderr, "usage: forward_bench MODEL THREADS BATCH SIZE\n");
    return 2;
  }
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, -1);
  at::set_num_threads(std::atoi(arguments[2]));
  at::set_num_interop_threads(1);
  const std::int64_t batch = std::atoi(arguments[3]), size = std::atoi(arguments[4]);
  std::optional<Bench> passes;
  fmt::print("ready\n");
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    const auto begin = Clock::now();
    if (line == "memory") {
      fmt::print("{:.1f} {:.1f}\n", bench::status_bytes("VmRSS") / kMiB, bench::status_bytes("VmHWM") / kMiB);
    } else if (line == "reset") {
      bench::reset_peak();
      fmt::print("done\n");
    } else {
      if (line.starts_with("build ")) {
        passes.emplace(arguments[1], batch, size, line == "build train" ? model::Gradients::kKept : model::Gradients::kNone);
      } else if (line == "forward" && passes) {
        passes->forward();
      } else if (line == "train" && passes) {
        passes->train();
      } else {
        fmt::print(stderr, "no such command, or too early: {}\n", line);
        return 2;
      }
      fmt::print("{:.6f}\n", std::chrono::duration<double>(Clock::now() - begin).count());
    }
    std::fflush(stdout);
  }
  return 0;
}
