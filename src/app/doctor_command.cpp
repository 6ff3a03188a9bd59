// `muster doctor`: versions, what was compiled in, devices, threads. The first thing to send with a question.
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <H5public.h>
#include <fmt/format.h>
#include <spdlog/version.h>
#include <sys/utsname.h>

#include "app/command.hpp"
#include "gpu/device_info.hpp"

namespace muster::app {
namespace {

struct DoctorOptions {};
template <class Visitor>
void visit(Visitor&, DoctorOptions&) {}
void validate(const DoctorOptions&) {}

io::Value facts() {
  io::Value facts = io::Value::map();
  utsname system{};
  uname(&system);
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  facts.set("muster", MUSTER_VERSION);
  facts.set("build", std::string(MUSTER_BUILD_TYPE) + (std::string_view(MUSTER_SANITIZE).empty() ? "" : ", sanitizers " MUSTER_SANITIZE));
  facts.set("compiler", "g++ " __VERSION__);
  facts.set("libtorch", MUSTER_LIBTORCH_VERSION);
  facts.set("cpu instructions", at::get_cpu_capability());
  facts.set("hdf5", fmt::format("{}.{}.{}", major, minor, release));
  facts.set("spdlog", fmt::format("{}.{}.{}", SPDLOG_VER_MAJOR, SPDLOG_VER_MINOR, SPDLOG_VER_PATCH));
  facts.set("system", fmt::format("{} {} on {}", system.sysname, system.release, system.nodename));
  facts.set("threads", at::get_num_threads());
  facts.set("CUDA", std::string(gpu::cuda_state()));
  const gpu::DeviceList list = gpu::list_devices();
  facts.set("GPUs", list.devices.empty() ? fmt::format("none: {}", list.why_none) : std::to_string(list.devices.size()));
  for (const gpu::DeviceInfo& device : list.devices) {
    facts.set(fmt::format("GPU {}", device.index), fmt::format("{}, compute {}.{}, {:.1f} GB", device.name, device.compute_major, device.compute_minor,
                                                               static_cast<double>(device.memory_bytes) / 1e9));
  }
  return facts;
}

ExitCode run_doctor(const DoctorOptions&, const io::Value&, const Arguments& arguments) {
  const io::Value found = facts();
  if (arguments.json) {
    fmt::print("{}\n", io::to_json(found));
    return ExitCode::kDone;
  }
  for (const io::Value::Member& fact : found.as_map()) {
    fmt::print("{:<18} {}\n", fact.key, fact.value.is_string() ? fact.value.as_string() : io::to_json(fact.value, -1));
  }
  return ExitCode::kDone;
}

}  // namespace

Command doctor_command() {
  return make_command<DoctorOptions>("doctor", "show versions, devices and threads", "  muster doctor [--json]\n", run_doctor);
}

}  // namespace muster::app
