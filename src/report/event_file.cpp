#include "report/event_file.hpp"

#include <atomic>
#include <bit>
#include <chrono>
#include <string>
#include <string_view>

#include <unistd.h>

#include <fmt/format.h>

#include "report/host_name.hpp"
#include "report/tfrecord.hpp"

namespace muster::report {
namespace {

// Builds one protobuf message. A field's key is (number << 3) | wire type.
class Message {
 public:
  Message& varint(std::uint32_t field, std::uint64_t value) {
    append_varint(field << 3 | 0);
    append_varint(value);
    return *this;
  }
  Message& fixed64(std::uint32_t field, double value) {
    append_varint(field << 3 | 1);
    append_bytes(std::bit_cast<std::uint64_t>(value), 8);
    return *this;
  }
  Message& bytes(std::uint32_t field, std::string_view value) {
    append_varint(field << 3 | 2);
    append_varint(value.size());
    text_ += value;
    return *this;
  }
  Message& fixed32(std::uint32_t field, float value) {
    append_varint(field << 3 | 5);
    append_bytes(std::bit_cast<std::uint32_t>(value), 4);
    return *this;
  }
  const std::string& text() const noexcept { return text_; }

 private:
  void append_varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) {
      text_.push_back(static_cast<char>(value | 0x80));
    }
    text_.push_back(static_cast<char>(value));
  }
  void append_bytes(std::uint64_t value, int count) {
    for (int byte = 0; byte < count; ++byte) {
      text_.push_back(static_cast<char>(value >> (8 * byte)));
    }
  }

  std::string text_;
};

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Message event_at(std::int64_t step) {
  Message event;
  event.fixed64(1, seconds_now()).varint(2, static_cast<std::uint64_t>(step));
  return event;
}

std::filesystem::path event_path(const std::filesystem::path& folder) {
  static std::atomic<int> files_made{0};
  return folder /
         fmt::format("events.out.tfevents.{}.{}.{}.{}", static_cast<std::int64_t>(seconds_now()), host_name(), ::getpid(), files_made++);
}

}  // namespace

EventFile::EventFile(const std::filesystem::path& folder, std::int64_t resumed_after) : file_(event_path(folder)) {
  file_.append(tfrecord(event_at(0).bytes(3, "brain.Event:2").text()));
  // TensorBoard takes the first start of a run as it is; from each later one's step on it drops the events of earlier files.
  constexpr std::uint64_t kStart = 1;  // SessionLog.Status
  file_.append(tfrecord(event_at(resumed_after + 1).bytes(7, Message().varint(1, kStart).text()).text()));
}

void EventFile::write(const Record& record) {
  Message summary;
  summary.bytes(1, Message().bytes(1, "epoch").fixed32(2, static_cast<float>(record.epoch)).text());
  for (const auto& [name, value] : record.values) {
    summary.bytes(1, Message().bytes(1, name).fixed32(2, static_cast<float>(value)).text());
  }
  file_.append(tfrecord(event_at(record.step).bytes(5, summary.text()).text()));
}

}  // namespace muster::report
