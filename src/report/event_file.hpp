// TensorBoard's event file: events.out.tfevents.<seconds>.<host>.<pid>.<n>, one TFRecord per Event message.
//
// Every value of a record becomes a scalar under its own name. The few fields that are needed are encoded by hand:
//   Event   { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; SessionLog session_log = 7; }
//   Summary { repeated Value value = 1; }  Value { string tag = 1; float simple_value = 2; }  SessionLog { Status status = 1; }
// Source: tensorflow/core/util/event.proto and framework/summary.proto; wire format: protobuf.dev/programming-guides/encoding.
#pragma once

#include <cstdint>
#include <filesystem>

#include "report/append_file.hpp"
#include "report/record.hpp"

namespace muster::report {

class EventFile : public Sink {
 public:
  // A file of its own for each start of a run. `resumed_after`: the step of the checkpoint it goes on from, else 0; what an
  // earlier start wrote for later steps is no longer shown.
  EventFile(const std::filesystem::path& folder, std::int64_t resumed_after);

  void write(const Record& record) override;
  const std::filesystem::path& path() const noexcept { return file_.path(); }

 private:
  AppendFile file_;
};

}  // namespace muster::report
