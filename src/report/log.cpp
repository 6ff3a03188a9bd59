#include "report/log.hpp"

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>

#include "core/atomic_file.hpp"
#include "report/host_name.hpp"
#include "report/terminal.hpp"

namespace muster::report {
namespace {

// spdlog's lines on the terminal that also shows the live line.
class ConsoleSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit ConsoleSink(int rank) : rank_(rank) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    std::string line = rank_ == 0 ? "" : fmt::format("rank {}: ", rank_);
    if (message.level >= spdlog::level::err) {
      line += "error: ";
    } else if (message.level == spdlog::level::warn) {
      line += "warning: ";
    }
    terminal().print(line.append(message.payload.data(), message.payload.size()));
  }
  void flush_() override {}

 private:
  int rank_;
};

// The run's file, also reachable alone.
std::shared_ptr<spdlog::logger>& file_logger() {
  static std::shared_ptr<spdlog::logger> logger;
  return logger;
}

std::shared_ptr<spdlog::sinks::sink> open_log_file(const std::filesystem::path& folder, int rank) {
  const std::filesystem::path path = folder / (rank == 0 ? "train.log" : "warnings." + host_name() + ".log");
  errno = 0;
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path.string());
    sink->set_pattern(fmt::format("%Y-%m-%d %H:%M:%S.%e rank {} %l: %v", rank));
    sink->set_level(rank == 0 ? spdlog::level::info : spdlog::level::warn);
    return sink;
  } catch (const spdlog::spdlog_ex&) {
    throw_output_error("open", path, errno);
  }
}

// spdlog's own failures (a full disk under train.log): said once, and training goes on.
void report_log_failure(const std::string& text) {
  static std::once_flag once;
  std::call_once(once, [&] { terminal().print("warning: a log line could not be written: " + text); });
}

}  // namespace

void init_logging(const std::optional<std::filesystem::path>& run_folder, int rank) {
  auto console = std::make_shared<ConsoleSink>(rank);
  console->set_level(rank == 0 ? spdlog::level::info : spdlog::level::warn);
  std::vector<spdlog::sink_ptr> sinks{console};
  file_logger().reset();
  if (run_folder) {
    sinks.push_back(open_log_file(*run_folder, rank));
    file_logger() = std::make_shared<spdlog::logger>("file", sinks.back());
    file_logger()->flush_on(spdlog::level::info);
    file_logger()->set_error_handler(report_log_failure);
  }
  auto logger = std::make_shared<spdlog::logger>("muster", sinks.begin(), sinks.end());
  logger->flush_on(spdlog::level::info);
  logger->set_error_handler(report_log_failure);
  spdlog::set_default_logger(std::move(logger));
}

void log_to_file(std::string_view line) {
  if (file_logger()) {
    file_logger()->info("{}", line);
  }
}

void close_logging() {
  terminal().finish();
  spdlog::default_logger()->flush();
  init_logging(std::nullopt);
}

}  // namespace muster::report
