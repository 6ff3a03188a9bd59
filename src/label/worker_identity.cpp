#include "label/worker_identity.hpp"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <filesystem>
#include <sstream>

#include <unistd.h>

#include <fmt/format.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "core/hash.hpp"
#include "io/value.hpp"
#include "report/host_name.hpp"

namespace muster::label {
namespace {

// Field 22 of /proc/PID/stat (proc(5)), counted behind the name, which may hold blanks and brackets. Nothing: no such process.
std::optional<std::uint64_t> start_of(std::int64_t process) {
  std::string text;
  try {
    text = read_file(fmt::format("/proc/{}/stat", process));
  } catch (const DataError&) {
    return std::nullopt;
  }
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) {
    return std::nullopt;
  }
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  for (int number = 3; number <= 22 && fields >> field; ++number) {
    if (number == 3 && (field == "Z" || field == "X")) {
      return std::nullopt;  // dead, only not yet collected by its parent
    }
  }
  return fields ? std::optional(std::stoull(field)) : std::nullopt;
}

std::string this_domain() {
  std::error_code unreadable;
  const std::string space = std::filesystem::read_symlink("/proc/self/ns/pid", unreadable).string();
  return xxh3_128_hex(read_file("/proc/sys/kernel/random/boot_id") + space).substr(0, 16);
}

}  // namespace

std::string WorkerIdentity::name() const {
  std::string plain = host;
  std::ranges::replace_if(
      plain, [](unsigned char c) { return std::isalnum(c) == 0 && c != '.' && c != '_'; }, '_');
  return fmt::format("{}-{}-{}{}", plain, process, start, suffix);
}

WorkerIdentity this_worker(std::string suffix) {
  const std::int64_t process = ::getpid();
  const auto now = static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
  return {.host = report::host_name(),
          .domain = this_domain(),
          .process = process,
          .start = sees_processes() ? start_of(process).value_or(now) : now,
          .suffix = std::move(suffix)};
}

std::string to_json(const WorkerIdentity& worker) {
  return io::to_json(io::Value::map({{"host", worker.host},
                                     {"domain", worker.domain},
                                     {"process", worker.process},
                                     {"start", worker.start},
                                     {"suffix", worker.suffix}}),
                     -1) +
         '\n';
}

std::optional<WorkerIdentity> parse_worker(std::string_view json) {
  try {
    const io::Value value = io::parse_json(json, "claim");
    return WorkerIdentity{.host = value.at("host").as_string(),
                          .domain = value.at("domain").as_string(),
                          .process = value.at("process").as_int(),
                          .start = value.at("start").as_uint(),
                          .suffix = value.at("suffix").as_string()};
  } catch (const ConfigError&) {
    return std::nullopt;
  }
}

bool sees_processes() {
  std::error_code unreadable;
  return std::filesystem::read_symlink("/proc/self", unreadable) == std::to_string(::getpid());
}

bool is_gone(const WorkerIdentity& worker) {
  if (!sees_processes() || worker.host != report::host_name() || worker.domain != this_domain()) {
    return false;
  }
  return start_of(worker.process) != worker.start;
}

}  // namespace muster::label
