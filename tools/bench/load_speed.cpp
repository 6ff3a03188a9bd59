// How fast a weight file is loaded from the page cache, beside plain sequential reads of the same bytes.
//   load_speed FOLDER|FILE [ROUNDS] [THREADS]
// In turn, each round: pread of every file into one buffer of 1 MiB (as dd does), pread into memory as large as the files, and
// opening, planning and loading all tensors into a parameter store in the file's type, with the check for NaN. The memory is the
// same in every round, so nobody pays for new pages.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include <fcntl.h>

#include <ATen/Parallel.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "model/parameters.hpp"
#include "weights/load_plan.hpp"
#include "weights/scalar_types.hpp"
#include "weights/weight_file.hpp"

namespace {

using namespace muster;
using Clock = std::chrono::steady_clock;

template <class Work>
double seconds_of(const Work& work) {
  const auto begin = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// All files one after the other. `step` bytes at a time, into the same place or (advance) one behind the other.
std::size_t read_plainly(const std::vector<std::filesystem::path>& files, std::span<char> buffer, std::size_t step, bool advance) {
  std::size_t total = 0;
  for (const auto& path : files) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    check(static_cast<bool>(fd), "cannot open {}", path.string());
    for (off_t offset = 0;;) {
      const ssize_t got =
          ::pread(fd.get(), buffer.data() + (advance ? total : 0), std::min(step, buffer.size() - (advance ? total : 0)), offset);
      check(got >= 0, "cannot read {}", path.string());
      if (got == 0) {
        break;
      }
      offset += got;
      total += static_cast<std::size_t>(got);
    }
  }
  return total;
}

void print(const char* what, std::vector<double> seconds, double bytes, double beside) {
  std::ranges::sort(seconds);
  const double median = seconds[seconds.size() / 2];
  fmt::print("{:34} {:6.3f} s ({:.3f} to {:.3f})  {:6.2f} GB/s  {:.2f} x plain\n", what, median, seconds.front(), seconds.back(),
             bytes / median * 1e-9, beside / median);
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    fmt::print(stderr, "usage: load_speed FOLDER|FILE [ROUNDS] [THREADS]\n");
    return 2;
  }
  const int rounds = count > 2 ? std::atoi(arguments[2]) : 7;
  at::set_num_threads(count > 3 ? std::atoi(arguments[3]) : at::get_num_threads());

  const weights::TensorSource first = weights::TensorSource::open(arguments[1]);
  const weights::Recognised found = weights::recognise(first);
  const auto network = model::make_model(found.info.model, {}, found.num_classes, {.weights_follow = true, .variant = found.variant});
  const model::ParameterStore parameters(network->units(), weights::torch_type(first.tensors().front().dtype), model::Gradients::kNone);
  const auto tensors = weights::stored_tensors(*network, parameters);
  std::size_t bytes = 0;
  for (const auto& path : first.files()) {
    bytes += std::filesystem::file_size(path);
  }
  // At the start of a page, as dd has it: the kernel copies a good deal slower to odd addresses.
  constexpr std::size_t kPage = 4096;
  const at::Tensor memory = at::zeros({static_cast<std::int64_t>(bytes + kPage)}, at::kChar);
  void* start = memory.data_ptr();
  std::size_t space = bytes + kPage;
  const std::span large(static_cast<char*>(std::align(kPage, bytes, start, space)), bytes), small = large.first(std::size_t{1} << 20);
  std::vector<double> copied, whole, loaded;
  for (int round = 0; round <= rounds; ++round) {
    const double a = seconds_of([&] { check(read_plainly(first.files(), small, small.size(), false) == bytes, "files changed"); });
    const double b = seconds_of([&] { check(read_plainly(first.files(), large, large.size(), true) == bytes, "files changed"); });
    const double c = seconds_of([&] {
      const weights::TensorSource file = weights::TensorSource::open(arguments[1]);
      weights::load(weights::plan_load(file, found.form, *network), tensors);
    });
    if (round > 0) {  // the first one fills the page cache
      copied.push_back(a);
      whole.push_back(b);
      loaded.push_back(c);
    }
  }
  auto sorted = copied;
  std::ranges::sort(sorted);
  const double beside = sorted[sorted.size() / 2];
  fmt::print("{} in {} files, {:.3f} GB, {} threads, {} rounds\n", found.info.model, first.files().size(),
             static_cast<double>(bytes) * 1e-9, at::get_num_threads(), rounds);
  print("pread into one buffer of 1 MiB", copied, static_cast<double>(bytes), beside);
  print("pread into memory for all of it", whole, static_cast<double>(bytes), beside);
  print("Muster: open, plan, load, check", loaded, static_cast<double>(bytes), beside);
  return 0;
}
